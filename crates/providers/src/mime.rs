//! E-mails in the form in which they travel: one MIME message per notification.
//!
//! What comes from a service or a recipient (names, subjects, addresses, URLs) cannot add a
//! header, whatever characters it holds.

mod address;
mod header;
#[cfg(test)]
mod tests;

use std::time::SystemTime;

use carillon_core::clock;
use carillon_core::id::NotificationId;
use lettre::Message;
use lettre::address::Envelope;
use lettre::message::header::{From, MessageId, ReplyTo, Subject, To};
use lettre::message::{Mailbox, Mailboxes, MultiPart, SinglePart};

pub use address::Party;

use crate::outgoing::{Content, OutgoingMessage};

/// Why a message cannot be an e-mail. Trying again is of no use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unbuildable {
    /// The content is a text message.
    #[error("a text message cannot be sent as an e-mail")]
    Sms,
    /// An address cannot stand in an SMTP command or a header.
    #[error("{0} cannot be mailed to or from")]
    Address(Party),
    /// The unsubscribe URL does not fit on one line of a header.
    #[error("the unsubscribe URL is too long")]
    UnsubscribeUrl,
    /// The parts do not make a message.
    #[error("the parts do not make an e-mail")]
    Parts,
}

/// The e-mail of a message, with its envelope.
///
/// Both parts say the same, the plain text first; without HTML the text is all there is. The
/// `Message-ID` is the same at every attempt, so that a mail server or a mailbox can tell a second
/// copy from a second message; `Date` and the boundary between the parts differ. Everything is
/// ASCII, unless an address has letters outside it before the `@`: such a message needs SMTPUTF8.
///
/// # Errors
/// When the content is no e-mail, an address cannot be mailed to or from, or the unsubscribe URL
/// is too long.
pub fn mime(message: &OutgoingMessage) -> Result<Message, Unbuildable> {
    let Content::Email {
        from_name,
        from_address,
        reply_to,
        subject,
        text,
        html,
    } = &message.content
    else {
        return Err(Unbuildable::Sms);
    };
    let from = address::read(from_address, Party::Sender)?;
    let to = address::read(&message.recipient, Party::Recipient)?;
    let envelope = Envelope::new(Some(from.clone()), vec![to.clone()])
        .map_err(|_| Unbuildable::Address(Party::Recipient))?;
    let subject = header::one_line(subject);
    let mut builder = Message::builder()
        .envelope(envelope)
        .date(SystemTime::from(clock::now()))
        // Without the name for now: the builder reads this header back, and stumbles over names
        // that it writes itself.
        .header(From::from(Mailboxes::from(Mailbox::new(
            None,
            from.clone(),
        ))))
        .header(To::from(Mailboxes::from(Mailbox::new(None, to))))
        .header(Subject::from(subject))
        .header(MessageId::from(message_id(message.id, from.domain())));
    if let Some(reply_to) = reply_to {
        let reply_to = address::read(reply_to, Party::ReplyTo)?;
        builder = builder.header(ReplyTo::from(Mailboxes::from(Mailbox::new(None, reply_to))));
    }
    builder = builder
        .raw_header(header::auto_submitted())
        .raw_header(header::id(message.id));
    if let Some(url) = &message.unsubscribe_url {
        for header in header::unsubscribe(url)? {
            builder = builder.raw_header(header);
        }
    }
    let (text, html) = (lines(text), lines(html));
    let built = if html.is_empty() {
        builder.singlepart(SinglePart::plain(text))
    } else {
        builder.multipart(MultiPart::alternative_plain_html(text, html))
    };
    let mut built = built.map_err(|_| Unbuildable::Parts)?;
    let name = Some(header::one_line(from_name)).filter(|name| !name.is_empty());
    let from = Mailboxes::from(Mailbox::new(name, from));
    built.headers_mut().set(From::from(from));
    Ok(built)
}

/// The `Message-ID`, in its angle brackets.
fn message_id(id: NotificationId, domain: &str) -> String {
    format!("<{id}@{domain}>")
}

/// The text with line ends as mail has them. A carriage return alone would be read as a line end by
/// some servers and not by others, and so must not travel.
fn lines(text: &str) -> String {
    text.replace("\r\n", "\n")
        .replace('\r', "\n")
        .replace('\n', "\r\n")
}
