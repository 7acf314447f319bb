//! Templates: every edit appends a version.

use carillon_core::ambiguity::WhenAnswerLost;
use carillon_core::channel::Channel;
use carillon_core::id::ServiceId;
use carillon_core::lane::Lane;
use carillon_store::template::{self, Changes, NewTemplate};
use carillon_store::{Error, service};
use futures::future::try_join_all;

use crate::given::{Given, given, service as some_service};

async fn a_service(given: &Given, name: &str) -> ServiceId {
    let one = some_service(name);
    service::create(given, &one, "Sender")
        .await
        .expect("the name is free");
    one.id
}

fn new(name: &str) -> NewTemplate {
    NewTemplate {
        channel: Channel::Email,
        name: name.to_owned(),
        lane: Lane::Normal,
        when_answer_lost: WhenAnswerLost::Retry,
        subject: Some("s1".to_owned()),
        body: "b1".to_owned(),
    }
}

#[tokio::test]
async fn an_edit_appends_a_version_and_leaves_the_old_one() {
    let given = given().await;
    let service = a_service(&given, "Demo").await;
    let id = template::create(&given, service, new("Hello"), "ada")
        .await
        .unwrap();
    let second = template::add_version(&given, service, id, Some("s2".into()), "b2".into(), "eve");
    assert_eq!(second.await.unwrap(), 2);

    let current = template::read_current(&given, service, id).await.unwrap();
    assert_eq!((current.version, current.body.as_str()), (2, "b2"));
    assert_eq!(current.created_by, "eve");
    assert!(current.updated_at.is_some());
    let first = template::read_version(&given, service, id, 1)
        .await
        .unwrap();
    assert_eq!(
        (first.body.as_str(), first.subject.as_deref()),
        ("b1", Some("s1"))
    );
    assert_eq!(first.created_by, "ada");
    let third = template::read_version(&given, service, id, 3).await;
    assert!(matches!(third, Err(Error::Gone)));
}

#[tokio::test]
async fn versions_are_listed_newest_first_and_to_their_service_only() {
    let given = given().await;
    let service = a_service(&given, "Demo").await;
    let other = a_service(&given, "Other").await;
    let id = template::create(&given, service, new("Hello"), "ada")
        .await
        .unwrap();
    template::add_version(&given, service, id, Some("s2".into()), "b2".into(), "eve")
        .await
        .unwrap();
    template::create(&given, service, new("Another"), "ada")
        .await
        .unwrap();
    let archive = Changes {
        archived: Some(true),
        ..Changes::default()
    };
    template::update(&given, service, id, archive)
        .await
        .unwrap();

    let versions = template::versions(&given, service, id).await.unwrap();
    let shown: Vec<_> = versions
        .iter()
        .map(|v| (v.version, v.created_by.as_str(), v.subject.as_deref()))
        .collect();
    assert_eq!(shown, [(2, "eve", Some("s2")), (1, "ada", Some("s1"))]);
    assert!(versions[0].created_at >= versions[1].created_at);
    let foreign = template::versions(&given, other, id).await;
    assert!(matches!(foreign, Err(Error::Gone)));
}

#[tokio::test]
async fn what_follows_a_lost_answer_is_the_template_s_and_no_version_s() {
    let given = given().await;
    let service = a_service(&given, "Demo").await;
    let id = template::create(&given, service, new("Hello"), "ada")
        .await
        .unwrap();
    let policy = async || template::when_answer_lost(&given, id).await.unwrap();
    assert_eq!(policy().await, WhenAnswerLost::Retry);
    let hold = Changes {
        when_answer_lost: Some(WhenAnswerLost::Hold),
        ..Changes::default()
    };
    let foreign = template::update(&given, some_service("x").id, id, hold).await;
    assert!(matches!(foreign, Err(Error::Gone)));
    template::update(&given, service, id, hold).await.unwrap();
    assert_eq!(policy().await, WhenAnswerLost::Hold);
    let read = template::read_current(&given, service, id).await.unwrap();
    assert_eq!(
        (read.when_answer_lost, read.version),
        (WhenAnswerLost::Hold, 1)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn edits_at_the_same_time_get_versions_of_their_own() {
    let given = given().await;
    let service = a_service(&given, "Demo").await;
    let id = template::create(&given, service, new("Hello"), "ada")
        .await
        .unwrap();
    let edits = (0..6)
        .map(|n| template::add_version(&given, service, id, None, format!("edit {n}"), "ada"));
    let mut versions = try_join_all(edits).await.unwrap();
    versions.sort_unstable();
    assert_eq!(versions, [2, 3, 4, 5, 6, 7]);
}

#[tokio::test]
async fn no_service_reads_lists_or_edits_another_s_template() {
    let given = given().await;
    let (one, two) = (
        a_service(&given, "One").await,
        a_service(&given, "Two").await,
    );
    let id = template::create(&given, one, new("Hello"), "ada")
        .await
        .unwrap();
    assert!(matches!(
        template::read_current(&given, two, id).await,
        Err(Error::Gone)
    ));
    assert!(matches!(
        template::read_version(&given, two, id, 1).await,
        Err(Error::Gone)
    ));
    let edit = template::add_version(&given, two, id, None, "mine".into(), "eve").await;
    assert!(matches!(edit, Err(Error::Gone)));
    assert!(template::list(&given, two, None).await.unwrap().is_empty());
    assert_eq!(template::list(&given, one, None).await.unwrap().len(), 1);
    assert!(
        template::list(&given, one, Some(Channel::Sms))
            .await
            .unwrap()
            .is_empty()
    );
}

#[tokio::test]
async fn a_template_of_no_service_is_refused() {
    let given = given().await;
    let created = template::create(&given, some_service("x").id, new("Hello"), "ada").await;
    assert!(matches!(created, Err(Error::Gone)));
}
