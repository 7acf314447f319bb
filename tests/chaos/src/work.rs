//! What is to be sent: a pure function of the seed.

use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};

use crate::history::Lane;

/// How many services there are.
pub const TENANTS: usize = 2;

/// An e-mail or a text message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// E-mail.
    Email,
    /// SMS.
    Sms,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What the client knows it by; no two are alike.
    pub reference: String,
    /// The position of its service.
    pub tenant: usize,
    /// How it is sent.
    pub lane: Lane,
    /// The channel.
    pub channel: Channel,
    /// To whom.
    pub recipient: String,
    /// The value of the template's one placeholder.
    pub name: String,
    /// The idempotency key, if it has one.
    pub key: Option<String>,
    /// Whether it is posted to both processes of the API at the same time; only with a key.
    pub is_posted_twice: bool,
}

/// One thing that the client does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Posts a message.
    One(Message),
    /// Posts a job of e-mails, with or without a key.
    Job {
        /// The position of its service.
        tenant: usize,
        /// The idempotency key, if it has one.
        key: Option<String>,
        /// Its rows.
        rows: Vec<Message>,
    },
}

/// One message in so many is a row of a job.
const JOB_SHARE: usize = 4;
/// Rows of one job at most.
const ROWS: usize = 500;

/// What stands in every recipient, value and idempotency key of a service.
#[must_use]
pub fn marker(seed: u64, tenant: usize) -> String {
    let mut rng = StdRng::seed_from_u64(seed ^ (0x006d_6172_6b00 + tenant as u64));
    format!("mark{:012x}", rng.random::<u64>() >> 16)
}

/// What is sent by a seed, in order: so many messages in all.
#[must_use]
pub fn of(seed: u64, n_messages: usize) -> Vec<Work> {
    let mut rng = StdRng::seed_from_u64(seed.wrapping_add(0x776f_726b));
    let markers: Vec<String> = (0..TENANTS).map(|n| marker(seed, n)).collect();
    let n_rows = n_messages / JOB_SHARE;
    let n_jobs = n_rows.div_ceil(ROWS).next_multiple_of(TENANTS);
    let mut works: Vec<Work> = (0..n_messages - n_rows)
        .map(|n| Work::One(single(&mut rng, &markers, n)))
        .collect();
    works.shuffle(&mut rng);
    let mut n_left = n_rows;
    for job in 0..n_jobs {
        let n = n_left.div_ceil(n_jobs - job);
        n_left -= n;
        if n > 0 {
            let work = mailing(&mut rng, &markers, job, n);
            // In the first three quarters, so that all of it meets the faults.
            let at = rng.random_range(0..=works.len() * 3 / 4);
            works.insert(at, work);
        }
    }
    works
}

fn single(rng: &mut StdRng, markers: &[String], n: usize) -> Message {
    let tenant = rng.random_range(0..TENANTS);
    let marker = &markers[tenant];
    let channel = if rng.random_bool(0.4) {
        Channel::Sms
    } else {
        Channel::Email
    };
    let lane = if rng.random_bool(0.2) {
        Lane::Priority
    } else {
        Lane::Normal
    };
    let recipient = match channel {
        // Beginning with 9 where nothing is scripted.
        Channel::Sms => format!("+447700900{:03}", 100 + n % 900),
        Channel::Email => match rng.random_range(0..100) {
            0..2 => format!("delay+{marker}.{n}@simulator.notify"),
            2..4 => format!("temp-fail+{marker}.{n}@simulator.notify"),
            4..6 => format!("perm-fail+{marker}.{n}@simulator.notify"),
            _ => format!("{marker}.{n}@example.org"),
        },
    };
    let key = rng
        .random_bool(0.3)
        .then(|| format!("{marker}-{n}-{:08x}", rng.random::<u32>()));
    Message {
        reference: format!("m{tenant}-{n}"),
        tenant,
        lane,
        channel,
        recipient,
        name: format!("{marker} {n}"),
        is_posted_twice: key.is_some() && rng.random_bool(0.2),
        key,
    }
}

fn mailing(rng: &mut StdRng, markers: &[String], job: usize, n: usize) -> Work {
    let tenant = job % TENANTS;
    let marker = &markers[tenant];
    let rows = (0..n)
        .map(|row| Message {
            reference: format!("j{tenant}-{job}-{row}"),
            tenant,
            lane: Lane::Job,
            channel: Channel::Email,
            recipient: format!("{marker}.j{job}.{row}@example.org"),
            name: format!("{marker} {job} {row}"),
            key: None,
            is_posted_twice: false,
        })
        .collect();
    let key = rng.random_bool(0.5).then(|| format!("{marker}-job-{job}"));
    Work::Job { tenant, key, rows }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    fn messages(works: &[Work]) -> Vec<&Message> {
        works
            .iter()
            .flat_map(|work| match work {
                Work::One(message) => std::slice::from_ref(message),
                Work::Job { rows, .. } => rows,
            })
            .collect()
    }

    #[test]
    fn a_seed_gives_so_many_different_messages_of_every_kind() {
        for n in [40, 300, 2_000, 20_000] {
            let works = of(3, n);
            assert_eq!(works, of(3, n));
            let messages = messages(&works);
            assert_eq!(messages.len(), n);
            let references: HashSet<_> = messages.iter().map(|m| &m.reference).collect();
            assert_eq!(references.len(), n);
            for tenant in 0..TENANTS {
                for lane in [Lane::Priority, Lane::Normal, Lane::Job] {
                    let mut of = messages.iter();
                    assert!(of.any(|m| (m.tenant, m.lane) == (tenant, lane)), "{n}");
                }
            }
            let keys: Vec<_> = messages.iter().filter_map(|m| m.key.as_ref()).collect();
            assert!(!keys.is_empty());
            assert_eq!(keys.iter().collect::<HashSet<_>>().len(), keys.len());
        }
    }

    #[test]
    fn every_recipient_and_value_of_e_mail_has_its_service_s_marker_alone() {
        let works = of(5, 500);
        let markers = [marker(5, 0), marker(5, 1)];
        assert_ne!(markers[0], markers[1]);
        for message in messages(&works) {
            let other = &markers[1 - message.tenant];
            let own = &markers[message.tenant];
            assert!(message.name.contains(own) && !message.name.contains(other));
            let has_own = message.recipient.contains(own);
            assert!(has_own || message.channel == Channel::Sms, "{message:?}");
        }
    }
}
