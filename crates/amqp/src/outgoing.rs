//! Messages on their way to a queue, and the envelope they travel in.
//!
//! The envelope is AMQP properties: `type` (the task's name), `message_id`, the header
//! `x-version`, for recorded traces the header `traceparent`; the body is JSON. A reader needs nothing but these to find the handler.

use bytes::Bytes;
use carillon_core::queue::Queue;
use carillon_core::task::Task;
use carillon_core::trace::TraceContext;
use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};
use uuid::Uuid;

/// The header of the publishing span, as W3C names it.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// One message to publish.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Where to.
    pub queue: Queue,
    /// The task's name.
    pub task: &'static str,
    /// The payload's version.
    pub version: u16,
    /// The message's id, for those who trace it.
    pub id: Uuid,
    /// The JSON body.
    pub payload: Bytes,
    /// The span that publishes it, if somebody records it: the header `traceparent`.
    pub trace: Option<TraceContext>,
}

impl Outgoing {
    /// A task as a message.
    ///
    /// # Errors
    /// When the task cannot be written as JSON.
    pub fn task<T: Task>(queue: Queue, id: Uuid, task: &T) -> Result<Self, serde_json::Error> {
        let payload = Bytes::from(serde_json::to_vec(task)?);
        Ok(Self {
            queue,
            task: T::NAME,
            version: T::VERSION,
            id,
            payload,
            trace: None,
        })
    }

    /// Tasks that share one message: a JSON array of bodies that are already written.
    #[must_use]
    pub fn batch<T: Task>(queue: Queue, id: Uuid, bodies: &[Bytes]) -> Self {
        let length = bodies.iter().map(|body| body.len() + 1).sum::<usize>() + 1;
        let mut payload = Vec::with_capacity(length);
        for (i, body) in bodies.iter().enumerate() {
            payload.push(if i == 0 { b'[' } else { b',' });
            payload.extend_from_slice(body);
        }
        payload.push(b']');
        Self {
            queue,
            task: T::NAME,
            version: T::VERSION,
            id,
            payload: payload.into(),
            trace: None,
        }
    }

    /// The same message, published by this span.
    #[must_use]
    pub fn traced(self, trace: Option<TraceContext>) -> Self {
        Self { trace, ..self }
    }

    /// The AMQP properties. Persistent: a broker restart must not lose it.
    pub(crate) fn properties(&self) -> BasicProperties {
        let mut headers = FieldTable::default();
        headers.insert("x-version".into(), AMQPValue::ShortUInt(self.version));
        if let Some(trace) = self.trace {
            let traceparent = AMQPValue::LongString(trace.to_string().into());
            headers.insert(TRACEPARENT.into(), traceparent);
        }
        BasicProperties::default()
            .with_delivery_mode(2)
            .with_content_type("application/json".into())
            .with_type(self.task.into())
            .with_message_id(self.id.to_string().into())
            .with_headers(headers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use carillon_core::task::SaveNotification;

    #[test]
    fn a_batch_is_a_json_array_of_its_bodies() {
        let bodies = [
            Bytes::from_static(b"{\"a\":1}"),
            Bytes::from_static(b"{\"b\":2}"),
        ];
        let message = Outgoing::batch::<SaveNotification>(Queue::Database, Uuid::nil(), &bodies);
        assert_eq!(&message.payload[..], b"[{\"a\":1},{\"b\":2}]");
        assert_eq!(message.task, "save-notifications");
    }
}
