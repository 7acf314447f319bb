use std::collections::HashSet;

use carillon_core::bulk::read_chunk;
use carillon_core::channel::Channel;
use carillon_core::id::{ServiceId, TemplateId};
use carillon_core::lane::Lane;
use carillon_core::service::{Service, USUAL_RETENTION_DAYS};
use carillon_store::template::TemplateVersion;

use super::*;
use crate::jobs::Memory;

fn access(restricted: bool) -> Access {
    Access {
        service: Service {
            id: ServiceId(uuid::Uuid::from_u128(1)),
            name: "Ely".to_owned(),
            active: true,
            restricted,
            high_volume: false,
            region: "GB".to_owned(),
            email_from: "ely".to_owned(),
            channels: Channel::ALL.to_vec(),
            one_click_unsubscribe: false,
            email_retention_days: USUAL_RETENTION_DAYS,
            sms_retention_days: USUAL_RETENTION_DAYS,
            rate_limit: None,
            email_daily_limit: None,
            sms_daily_limit: None,
            email_braked_at: None,
        },
        keys: Vec::new(),
        senders: Vec::new(),
        safelist: HashSet::from([(Channel::Email, "ada@example.org".to_owned())]),
    }
}

fn template(channel: Channel, body: &str) -> Parsed {
    Parsed::new(TemplateVersion {
        id: TemplateId(uuid::Uuid::from_u128(2)),
        service_id: ServiceId(uuid::Uuid::from_u128(1)),
        channel,
        name: "T".to_owned(),
        lane: Lane::Normal,
        archived: false,
        when_answer_lost: carillon_core::ambiguity::WhenAnswerLost::Retry,
        created_at: carillon_core::clock::now(),
        updated_at: None,
        version: 1,
        subject: (channel == Channel::Email).then(|| "About ((topic))".to_owned()),
        body: body.to_owned(),
        created_by: "ada".to_owned(),
    })
}

struct Given {
    access: Access,
    key_type: KeyType,
    template: Parsed,
    on_invalid: OnInvalidRows,
}

fn given(channel: Channel, body: &str) -> Given {
    Given {
        access: access(false),
        key_type: KeyType::Normal,
        template: template(channel, body),
        on_invalid: OnInvalidRows::Refuse,
    }
}

async fn pack(given: Given, csv: &str) -> Result<Payload, String> {
    let packer = Packer {
        check: Check {
            access: Arc::new(given.access),
            key_type: given.key_type,
            template: Arc::new(given.template),
        },
        on_invalid: given.on_invalid,
        rows_per_chunk: 2,
        n_held: 0,
    };
    let mut held = Memory::new(1 << 20).hold().await.unwrap();
    let rows = Rows::Csv(Bytes::copy_from_slice(csv.as_bytes()));
    let packed = packer.pack(&rows, &mut held);
    packed.map_err(|refusal| format!("{:?}", NotifyError::from(refusal)))
}

#[tokio::test]
async fn rows_are_packed_in_chunks_with_their_numbers() {
    let csv = "Email Address,TOPIC,name,Reference\nAda@example.org,tea,Ada,r1\n\nb@example.org,x,Bo,\n\
               c@example.org,y,Cy,\n";
    let payload = pack(given(Channel::Email, "Hi ((name))"), csv)
        .await
        .unwrap();
    assert_eq!((payload.n_rows, payload.n_invalid_rows), (3, 0));
    let sizes: Vec<_> = payload
        .chunks
        .iter()
        .map(|c| (c.first_row, c.last_row, c.n_rows))
        .collect();
    assert_eq!(sizes, [(1, 2, 2), (3, 3, 1)]);
    let rows = read_chunk(&payload.chunks[0].payload).unwrap();
    assert_eq!(rows[0].recipient, "Ada@example.org");
    assert_eq!(rows[0].reference.as_deref(), Some("r1"));
    assert_eq!(rows[0].values["topic"], "tea");
}

#[tokio::test]
async fn a_text_that_is_too_long_or_empty_is_a_bad_row() {
    let csv = format!(
        "phone number,text\n07700900123,{}\n07700900124,\"\u{200b}\"\n",
        "x".repeat(919)
    );
    let error = pack(given(Channel::Sms, "((text))"), &csv)
        .await
        .unwrap_err();
    assert!(
        error.contains("Row 1: Text messages cannot be longer than 918"),
        "{error}"
    );
}

#[tokio::test]
async fn an_e_mail_that_says_something_anyway_is_not_written_out() {
    let template = template(Channel::Email, "Hi ((a))");
    let values =
        |json: serde_json::Value| Personalisation::stored(json.as_object().cloned().unwrap());
    // Nor is what its values are looked at again.
    assert_eq!(
        template.check_filled(&values(serde_json::json!({}))),
        Ok(())
    );
    let bare = super::super::super::template::Parsed::new(TemplateVersion {
        body: "((a??x))".to_owned(),
        ..template.row.clone()
    });
    let shown =
        |text: &str| bare.check_filled(&values(serde_json::json!({"a": text, "topic": "t"})));
    assert_eq!(shown("yes"), Ok(()));
    assert_eq!(
        shown("no").unwrap_err().to_string(),
        "Your message is empty."
    );
}

#[tokio::test]
async fn a_list_with_a_recipient_that_may_not_be_reached_is_refused_whole() {
    let csv = "email address,topic\nada@example.org,t\nb@example.org,t\n";
    for (key_type, restricted, words) in [
        (
            KeyType::Team,
            false,
            "because you used a team and safelist API key.",
        ),
        (
            KeyType::Normal,
            true,
            "because your service is in trial mode.",
        ),
    ] {
        let given = Given {
            access: access(restricted),
            key_type,
            on_invalid: OnInvalidRows::Skip,
            ..given(Channel::Email, "Hi")
        };
        let error = pack(given, csv).await.unwrap_err();
        assert!(
            error.contains("You cannot send to these recipients"),
            "{error}"
        );
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn bad_rows_are_left_out_if_that_is_wanted() {
    let csv = "email address,topic\nnobody,t\nb@example.org,t\n";
    let given = Given {
        on_invalid: OnInvalidRows::Skip,
        ..given(Channel::Email, "Hi")
    };
    let payload = pack(given, csv).await.unwrap();
    assert_eq!((payload.n_rows, payload.n_invalid_rows), (1, 1));
    assert_eq!(payload.chunks[0].first_row, 2);
    let bad = String::from_utf8(payload.invalid_rows.unwrap()).unwrap();
    assert!(bad.contains("nobody,t,"), "{bad}");
}
