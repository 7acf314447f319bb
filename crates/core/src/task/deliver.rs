//! Deliver notifications: ids only, for the rows are the truth. What else is said lets a worker
//! start them in turns before it has seen a row.

use std::collections::BTreeMap;
use std::iter::{repeat, repeat_n};

use serde::{Deserialize, Serialize};

use super::{SaveNotification, Task};
use crate::channel::Channel;
use crate::id::{NotificationId, ServiceId};
use crate::queue::Queue;

/// Deliver these. May be repeated or lost: the claim makes repeats harmless and the poller rescues
/// what is lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliver {
    /// At most [`Deliver::MAX_IDS`].
    pub ids: Vec<NotificationId>,
    /// The channel of all of them, where the producer said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Whose they are, in their order. What no run covers is nobody's in particular.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<Run>,
}

/// A service, and how many ids in a row are its.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run(pub ServiceId, pub u32);

/// An id to deliver, and what is known of it without its row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deliverable {
    /// The notification.
    pub id: NotificationId,
    /// Whose it is.
    pub service_id: ServiceId,
    /// Its channel.
    pub channel: Channel,
    /// Where it is delivered from.
    pub queue: Queue,
}

impl From<&SaveNotification> for Deliverable {
    fn from(row: &SaveNotification) -> Self {
        Self {
            id: row.id,
            service_id: row.service_id,
            channel: row.channel,
            queue: row.delivery_queue(),
        }
    }
}

impl Deliver {
    /// The most ids in one message: enough that the broker's cost per id is small, few enough
    /// that several workers share a backlog.
    pub const MAX_IDS: usize = 100;

    /// The messages for these ids and the queue of each. The ids of a service stay in their order.
    #[must_use]
    pub fn all(ids: impl IntoIterator<Item = Deliverable>) -> Vec<(Queue, Self)> {
        let mut sorted: BTreeMap<(Queue, Channel, ServiceId), Vec<NotificationId>> =
            BTreeMap::new();
        for one in ids {
            let whose = (one.queue, one.channel, one.service_id);
            sorted.entry(whose).or_default().push(one.id);
        }
        let mut tasks: Vec<(Queue, Self)> = Vec::new();
        for ((queue, channel, service_id), mut ids) in sorted {
            while !ids.is_empty() {
                let goes_along = |(of, task): &(Queue, Self)| {
                    (*of, task.channel) == (queue, Some(channel)) && task.ids.len() < Self::MAX_IDS
                };
                if !tasks.last().is_some_and(goes_along) {
                    let task = Self {
                        ids: Vec::new(),
                        channel: Some(channel),
                        services: Vec::new(),
                    };
                    tasks.push((queue, task));
                }
                let Some((_, task)) = tasks.last_mut() else {
                    break;
                };
                let n = ids.len().min(Self::MAX_IDS - task.ids.len());
                task.ids.extend(ids.drain(..n));
                let run = Run(service_id, u32::try_from(n).unwrap_or(u32::MAX));
                task.services.push(run);
            }
        }
        tasks
    }

    /// Each id and whose it is, if that was said.
    pub fn owned(&self) -> impl Iterator<Item = (NotificationId, Option<ServiceId>)> {
        let runs = self.services.iter();
        let services = runs.flat_map(|Run(service, n)| repeat_n(Some(*service), *n as usize));
        self.ids.iter().copied().zip(services.chain(repeat(None)))
    }
}

impl Task for Deliver {
    const NAME: &'static str = "deliver";
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    fn id(n: u128) -> NotificationId {
        NotificationId(Uuid::from_u128(n))
    }

    fn service(n: u128) -> ServiceId {
        ServiceId(Uuid::from_u128(n))
    }

    #[test]
    fn version_1_is_read() {
        let golden = r#"{"ids":["019a0000-0000-7000-8000-000000000001"]}"#;
        let task: Deliver = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
        let owned: Vec<_> = task.owned().collect();
        assert_eq!(owned, [(task.ids[0], None)]);
        let golden = concat!(
            r#"{"ids":["019a0000-0000-7000-8000-000000000001"],"channel":"email","#,
            r#""services":[["00000000-0000-0000-0000-000000000001",1]]}"#
        );
        let task: Deliver = serde_json::from_str(golden).unwrap();
        assert_eq!(serde_json::to_string(&task).unwrap(), golden);
        let owned: Vec<_> = task.owned().collect();
        assert_eq!(owned, [(task.ids[0], Some(service(1)))]);
    }

    #[test]
    fn runs_that_do_not_fit_the_ids_lose_none() {
        for (runs, owners) in [
            (vec![Run(service(1), 1)], [Some(service(1)), None]),
            (vec![Run(service(1), u32::MAX)], [Some(service(1)); 2]),
        ] {
            let task = Deliver {
                ids: vec![id(1), id(2)],
                channel: None,
                services: runs,
            };
            let read: Vec<_> = task.owned().map(|(_, service)| service).collect();
            assert_eq!(read, owners);
        }
    }

    proptest! {
        #[test]
        fn every_id_goes_once_to_its_queue_as_its_service_s(
            given in proptest::collection::vec((0_usize..3, 0_usize..2, 0_u128..4), 0..400),
        ) {
            let queues = [Queue::SendEmail, Queue::Priority, Queue::Retry];
            let given: Vec<_> = given.into_iter().zip(0..).map(|((queue, channel, of), n)| Deliverable {
                id: id(n),
                service_id: service(of),
                channel: Channel::ALL[channel],
                queue: queues[queue],
            }).collect();
            let mut n_ids = 0;
            let mut seen = Vec::new();
            for (queue, task) in Deliver::all(given.clone()) {
                prop_assert!((1..=Deliver::MAX_IDS).contains(&task.ids.len()));
                n_ids += task.ids.len();
                seen.extend(task.owned().map(|(id, service_id)| Deliverable {
                    id,
                    service_id: service_id.unwrap(),
                    channel: task.channel.unwrap(),
                    queue,
                }));
            }
            let all: BTreeSet<_> = seen.iter().map(|one| one.id).collect();
            prop_assert_eq!((n_ids, all.len()), (given.len(), given.len()));
            for one in &given {
                prop_assert!(seen.contains(one));
            }
        }
    }
}
