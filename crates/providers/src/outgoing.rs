//! What a provider is given: one rendered message for one recipient.

use std::fmt;

use carillon_core::channel::Channel;
use carillon_core::id::NotificationId;

/// One message, ready to leave.
///
/// Everything but the id is personal data, so `{:?}` prints the id alone.
#[derive(Clone, PartialEq, Eq)]
pub struct OutgoingMessage {
    /// The notification; providers that can are given it as their idempotency key.
    pub id: NotificationId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// An e-mail address, or a phone number in E.164.
    pub recipient: String,
    /// What to say.
    pub content: Content,
    /// Where one click takes the recipient off the list; e-mail only.
    pub unsubscribe_url: Option<String>,
    /// Whether nothing is kept of it: no notification has this id, so no receipt can be filed.
    pub is_trial: bool,
}

/// The rendered content, by channel.
#[derive(Clone, PartialEq, Eq)]
pub enum Content {
    /// An e-mail.
    Email {
        /// The sender's display name.
        from_name: String,
        /// The sender's address.
        from_address: String,
        /// Where answers go, when not to the sender.
        reply_to: Option<String>,
        /// The subject line.
        subject: String,
        /// The body as plain text.
        text: String,
        /// The body as a whole HTML document.
        html: String,
    },
    /// A text message.
    Sms {
        /// The number or name it comes from; none leaves the choice to the provider.
        sender: Option<String>,
        /// The text.
        body: String,
    },
}

impl OutgoingMessage {
    /// The channel the content is for.
    #[must_use]
    pub const fn channel(&self) -> Channel {
        match self.content {
            Content::Email { .. } => Channel::Email,
            Content::Sms { .. } => Channel::Sms,
        }
    }
}

impl fmt::Debug for OutgoingMessage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutgoingMessage")
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email { .. } => "Email { .. }",
            Self::Sms { .. } => "Sms { .. }",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_output_holds_no_personal_data() {
        let message = OutgoingMessage {
            id: NotificationId::mint(),
            attempt: 1,
            recipient: "amala@example.com".into(),
            content: Content::Sms {
                sender: Some("Clinic".into()),
                body: "Hello Amala".into(),
            },
            unsubscribe_url: Some("https://example.com/u/amala".into()),
            is_trial: false,
        };
        let printed = format!("{message:?} {:?}", message.content).to_lowercase();
        assert!(printed.contains(&message.id.to_string()));
        assert!(
            !printed.contains("amala") && !printed.contains("clinic"),
            "{printed}"
        );
    }
}
