//! Reading pages: filters, order, and whose rows.

use carillon_core::api_key::KeyType;
use carillon_core::channel::Channel;
use carillon_core::id::{NotificationId, ServiceId};
use carillon_core::notification::Status;
use carillon_core::receipt::ReceiptKind;
use carillon_core::task::SaveNotification;
use carillon_store::notification::{Filter, apply_receipts, read_many, read_page};
use uuid::Uuid;

use crate::given::{Given, email, emails, given, id_of_day, ids, receipt};

const SERVICE: ServiceId = ServiceId(Uuid::from_u128(1));

async fn page(given: &Given, filter: &Filter) -> Vec<NotificationId> {
    let rows = read_page(given, SERVICE, KeyType::Normal, filter, 250).await;
    rows.expect("PostgreSQL answers")
        .into_iter()
        .map(|row| row.id)
        .collect()
}

#[tokio::test]
async fn pages_walk_back_through_the_days_without_gaps_or_doubles() {
    let given = given().await;
    let mut batch = emails(12);
    for (i, one) in batch.iter_mut().enumerate() {
        one.id = id_of_day(-(i as i64) / 3);
    }
    given.save(&batch).await;
    let mut newest_first = ids(&batch);
    newest_first.sort_unstable_by(|a, b| b.cmp(a));

    let mut walked = Vec::new();
    let mut filter = Filter::default();
    loop {
        let rows = read_page(&given, SERVICE, KeyType::Normal, &filter, 5)
            .await
            .unwrap();
        let Some(last) = rows.last() else { break };
        filter.older_than = Some(last.id);
        walked.extend(rows.iter().map(|row| row.id));
    }
    assert_eq!(walked, newest_first);
}

#[tokio::test]
async fn a_page_shows_one_service_s_rows_of_one_key_type() {
    let given = given().await;
    let mine = email();
    let theirs = SaveNotification {
        service_id: ServiceId(Uuid::from_u128(99)),
        ..email()
    };
    let test = SaveNotification {
        key_type: KeyType::Test,
        ..email()
    };
    let team = SaveNotification {
        key_type: KeyType::Team,
        ..email()
    };
    given
        .save(&[mine.clone(), theirs.clone(), test.clone(), team])
        .await;
    assert_eq!(page(&given, &Filter::default()).await, [mine.id]);
    let tests = read_page(&given, SERVICE, KeyType::Test, &Filter::default(), 250)
        .await
        .unwrap();
    assert_eq!(
        tests.iter().map(|row| row.id).collect::<Vec<_>>(),
        [test.id]
    );
    let by_reference = Filter {
        reference: Some("r".into()),
        ..Filter::default()
    };
    assert!(page(&given, &by_reference).await.is_empty());
}

#[tokio::test]
async fn every_filter_narrows_the_page() {
    let given = given().await;
    let plain = email();
    let sms = SaveNotification {
        channel: Channel::Sms,
        ..email()
    };
    let named = SaveNotification {
        reference: Some("order 1".into()),
        ..email()
    };
    let named_sms = SaveNotification {
        reference: Some("order 1".into()),
        channel: Channel::Sms,
        ..email()
    };
    given
        .save(&[plain.clone(), sms.clone(), named.clone(), named_sms.clone()])
        .await;
    let done = [receipt(named.id, ReceiptKind::Delivered, "e")];
    apply_receipts(&given, &done).await.unwrap();
    given
        .database
        .execute(&format!(
            "UPDATE notifications SET job_id = gen_random_uuid(), job_row = 1 WHERE id = '{}'",
            sms.id
        ))
        .await;

    let all = Filter {
        include_jobs: true,
        ..Filter::default()
    };
    let of = |change: fn(&mut Filter)| {
        let mut filter = all.clone();
        change(&mut filter);
        filter
    };
    let cases = [
        (all.clone(), vec![named_sms.id, named.id, sms.id, plain.id]),
        (
            of(|f| f.include_jobs = false),
            vec![named_sms.id, named.id, plain.id],
        ),
        (
            of(|f| f.channels = Some(vec![Channel::Sms])),
            vec![named_sms.id, sms.id],
        ),
        (
            of(|f| f.statuses = Some(vec![Status::Delivered])),
            vec![named.id],
        ),
        (
            of(|f| f.reference = Some("order 1".into())),
            vec![named_sms.id, named.id],
        ),
        (
            of(|f| {
                f.reference = Some("order 1".into());
                f.statuses = Some(vec![Status::Created, Status::Sending]);
            }),
            vec![named_sms.id],
        ),
        (of(|f| f.statuses = Some(vec![])), vec![]),
    ];
    for (filter, expected) in cases {
        assert_eq!(page(&given, &filter).await, expected, "{filter:?}");
    }
    let older = Filter {
        older_than: Some(named.id),
        ..all
    };
    assert_eq!(page(&given, &older).await, [sms.id, plain.id]);
}

#[tokio::test]
async fn many_are_read_at_once_whoever_owns_them() {
    let given = given().await;
    let mut batch = emails(3);
    batch[1].service_id = ServiceId(Uuid::from_u128(99));
    given.save(&batch).await;
    let mut wanted = ids(&batch);
    wanted.push(NotificationId::mint());
    let mut found: Vec<_> = read_many(&given, &wanted)
        .await
        .unwrap()
        .into_iter()
        .map(|row| row.id)
        .collect();
    found.sort_unstable();
    assert_eq!(found, ids(&batch));
    assert!(read_many(&given, &[]).await.unwrap().is_empty());
}
