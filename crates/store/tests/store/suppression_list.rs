//! A service's list as people and recipients change it.

use carillon_core::channel::Channel;
use carillon_core::id::{NotificationId, ServiceId};
use carillon_core::suppression::SuppressionReason;
use carillon_store::suppression::{
    self, Place, add, import, lift, list, of_recipient, unsubscribe,
};
use carillon_store::{Error, service};
use uuid::Uuid;

use crate::given::{self, Given, given};

async fn tenant(given: &Given, name: &str) -> ServiceId {
    let service = given::service(name);
    service::create(given, &service, "GOVUK")
        .await
        .expect("it is new");
    service.id
}

/// Channel, recipient and reason of each entry.
fn entries(page: &[suppression::Suppression]) -> Vec<String> {
    let text = |e: &suppression::Suppression| format!("{} {} {}", e.channel, e.recipient, e.reason);
    page.iter().map(text).collect()
}

#[tokio::test]
async fn a_list_is_read_page_by_page_without_gaps_or_repetitions() {
    let given = given().await;
    let (of, other) = (tenant(&given, "one").await, tenant(&given, "two").await);
    let addresses: Vec<String> = (0..7).map(|n| format!("A{n}@example.org")).collect();
    let reason = SuppressionReason::HardBounce;
    let n_new = import(&given, of, Channel::Email, &addresses, reason).await;
    assert_eq!(n_new.unwrap(), 7);
    // Two reasons of one recipient are two entries, and the page ends between them.
    assert!(
        add(&given, of, Channel::Email, "a2@example.org")
            .await
            .unwrap()
    );
    assert!(
        add(&given, of, Channel::Sms, "+447700900123")
            .await
            .unwrap()
    );
    assert!(
        add(&given, other, Channel::Email, "x@example.org")
            .await
            .unwrap()
    );

    let whole = list(&given, of, None, None, 100).await.unwrap();
    assert_eq!(whole.len(), 9);
    for size in [1, 2, 3, 8] {
        let mut read = Vec::new();
        loop {
            let after = read.last().map(Place::from);
            let page = list(&given, of, None, after.as_ref(), size).await.unwrap();
            let is_last = page.len() < size;
            read.extend(page);
            if is_last {
                break;
            }
        }
        assert_eq!(entries(&read), entries(&whole), "pages of {size}");
    }
    let sms = list(&given, of, Some(Channel::Sms), None, 100)
        .await
        .unwrap();
    assert_eq!(entries(&sms), ["sms +447700900123 manual"]);
    let two = of_recipient(&given, of, Channel::Email, "A2@EXAMPLE.org").await;
    assert_eq!(
        entries(&two.unwrap()),
        [
            "email a2@example.org hard-bounce",
            "email a2@example.org manual"
        ]
    );
}

#[tokio::test]
async fn an_import_adds_only_what_is_new_however_it_is_spelt_or_repeated() {
    let given = given().await;
    let of = tenant(&given, "one").await;
    let many: Vec<String> = (0..suppression::IMPORT_BATCH * 2 + 1)
        .map(|n| format!("{n}@example.org"))
        .collect();
    let reason = SuppressionReason::Complaint;
    let first = import(&given, of, Channel::Email, &many, reason).await;
    assert_eq!(first.unwrap(), many.len());
    let again = ["0@EXAMPLE.ORG", "new@example.org", "New@example.org"].map(str::to_owned);
    let second = import(&given, of, Channel::Email, &again, reason).await;
    assert_eq!(second.unwrap(), 1);
    let nobody = ServiceId(Uuid::new_v4());
    let unknown = import(&given, nobody, Channel::Email, &again, reason).await;
    assert!(matches!(unknown, Err(Error::Gone)), "{unknown:?}");
}

#[tokio::test]
async fn a_recipient_is_lifted_for_one_reason_or_for_all() {
    let given = given().await;
    let of = tenant(&given, "one").await;
    let ada = ["ada@example.org".to_owned()];
    for reason in SuppressionReason::ALL {
        import(&given, of, Channel::Email, &ada, *reason)
            .await
            .unwrap();
    }
    let complaint = Some(SuppressionReason::Complaint);
    let lifted = lift(&given, of, Channel::Email, "Ada@example.org", complaint).await;
    assert_eq!(lifted.unwrap(), [SuppressionReason::Complaint]);
    let again = lift(&given, of, Channel::Email, "ada@example.org", complaint).await;
    assert!(matches!(again, Err(Error::Gone)), "{again:?}");
    let rest = lift(&given, of, Channel::Email, "ada@example.org", None).await;
    assert_eq!(rest.unwrap().len(), 3);
}

#[tokio::test]
async fn who_unsubscribes_is_on_the_list_once_and_with_the_message() {
    let given = given().await;
    let of = tenant(&given, "one").await;
    let email = given::email();
    let email = carillon_core::task::SaveNotification {
        service_id: of,
        normalised_recipient: "Ada@Example.org".to_owned(),
        ..email
    };
    given.save(std::slice::from_ref(&email)).await;
    for _ in 0..2 {
        unsubscribe(&given, of, email.id).await.unwrap();
    }
    let entries = list(&given, of, None, None, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].recipient, "ada@example.org");
    assert_eq!(entries[0].reason, SuppressionReason::Unsubscribed);
    assert_eq!(entries[0].source_notification_id, Some(email.id));

    let other = tenant(&given, "two").await;
    for (service_id, id) in [(other, email.id), (of, NotificationId::mint())] {
        let refused = unsubscribe(&given, service_id, id).await;
        assert!(matches!(refused, Err(Error::Gone)), "{refused:?}");
    }
}
