//! `POST /bulk`: one request, up to 100,000 notifications.
//!
//! In the order of the files: `form` and `body` (what comes in, unpacked and bounded), `fields` with
//! `json` and `multipart` (what is asked for, and where the rows are), `rows` (checked and packed off
//! the async threads; a file is `feed`-ed to them while it comes in), then [`crate::jobs`], `answer`.
//! What is read is `seen`, if the request has an idempotency key.
//!
//! The order of checks is Notify's: fields, template, permission, sender, columns, rows.

mod answer;
mod body;
mod feed;
mod fields;
mod form;
mod gunzip;
mod json;
mod multipart;
pub(crate) mod read;
mod rows;
mod seen;

use actix_web::web::{self, Bytes, BytesMut, Data};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::bulk::OnInvalidRows;
use carillon_core::channel::Channel;
use carillon_core::id::{self, JobId};
use carillon_store::job::{Job, NewJob, Once};
use serde_json::json;

use super::recipient;
use super::template::Usable;
use crate::auth::{self, Principal};
use crate::error::NotifyError;
use crate::idempotency::{self, Looked};
use crate::jobs::{Held, NoMemory, NotMade, Payload, TooManyUploads};
use crate::state::State;
use body::Body;
use feed::{Feeder, feed};
use fields::JobFields;
use form::{Form, Packing};
use multipart::FilePart;
use rows::{Check, Packer, Refusal, Rows};
use seen::Seen;

/// `POST /bulk` and `/v2/notifications/bulk`.
pub(crate) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    state: Data<State>,
) -> Result<HttpResponse, NotifyError> {
    let principal = auth::principal(&request, &state).await?;
    let key = idempotency::key(&request, principal.access.service.id)?;
    if key.is_none() {
        state.limits.admit(&principal).await?;
    }
    let (form, packing) = (Form::of(&request)?, Packing::of(&request)?);
    let limit = state.settings.jobs.body_limit_bytes;
    let (turn, mut seen) = match key {
        None => (None, Seen::nothing()),
        Some(key) => {
            let seen = Seen::of(&request, &form, principal.key_type);
            match state.idempotency.look(key).await? {
                Looked::New(turn) => {
                    state.limits.admit(&principal).await?;
                    (Some(turn), seen)
                }
                Looked::Used(stored) => {
                    let body = Body::open(&request, payload, packing, limit)?;
                    let fingerprint = seen.whole(&request, &form, body).await?;
                    return idempotency::replay(&stored, fingerprint);
                }
            }
        }
    };
    let (on_invalid, parameters) = fields::parameters(request.query_string())?;
    let now = carillon_core::clock::now();
    let body = Body::open(&request, payload, packing, limit)?;
    // Both are held until the job is made.
    let _upload = state
        .jobs
        .uploads
        .begin(principal.access.service.id)
        .await?;
    let mut held = state.jobs.memory.hold().await?;

    let (fields, source) = match form {
        Form::Json => {
            let (body, n_held) = collect(body, &mut held, &mut seen).await?;
            let opened = web::block(move || json::open(&body, parameters, now)).await;
            let (fields, rows) = opened.map_err(|_| NotifyError::unavailable())??;
            (fields, Source::Here(rows, n_held))
        }
        Form::Csv { charset } => {
            let fields = JobFields::take(parameters, None, now)?;
            (
                fields,
                Source::Coming(Box::new(Coming::Body(body)), charset),
            )
        }
        Form::Multipart => {
            let headers = request.headers();
            let opened = multipart::open(headers, body, parameters, now, &mut seen).await;
            let (fields, part) = opened?;
            let charset = part.charset.clone();
            (
                fields,
                Source::Coming(Box::new(Coming::Part(part)), charset),
            )
        }
    };
    let bulk = Bulk::check(&state, principal, fields).await?;
    let packer = bulk.packer(on_invalid, &state);
    let (payload, _held) = source.pack(packer, held, &mut seen).await?;
    let (new, access) = (bulk.job(&payload), &bulk.principal.access);
    let answer = |job: &Job| {
        json!({ "data": answer::data(job, access) })
            .to_string()
            .into_bytes()
    };
    // Last of all: what is refused takes nothing.
    let (limits, n_rows) = (&state.limits, payload.n_rows);
    let taken = limits.take_rows(&state.store, &bulk.principal, bulk.channel(), n_rows);
    let taken = taken.await?;
    let Some(turn) = turn else {
        let made = state.jobs.create(new, payload).await;
        if is_surely_not_made(&made) {
            limits.give_back(taken);
        }
        return Ok(super::created(answer(&made?)));
    };
    let fingerprint = seen.fingerprint();
    let key = (turn.key(), fingerprint);
    let made = state.jobs.create_once(new, payload, key, answer).await;
    if is_surely_not_made(&made) || matches!(made, Ok(Once::Before(_))) {
        limits.give_back(taken);
    }
    match made {
        Ok(Once::Made(answer)) => Ok(super::created(answer)),
        Ok(Once::Before(stored)) => idempotency::replay(&stored, fingerprint),
        // Trying again is safe, and the way to find out.
        Err(NotMade::Unknown { .. }) => Err(NotifyError::unavailable()),
        Err(error) => Err(error.into()),
    }
}

/// What may be there counts as sent.
const fn is_surely_not_made<T>(made: &Result<T, NotMade>) -> bool {
    match made {
        Ok(_) | Err(NotMade::Unknown { .. }) => false,
        Err(_) => true,
    }
}

/// A whole body, with the bytes that it holds.
async fn collect(
    mut body: Body,
    held: &mut Held,
    seen: &mut Seen,
) -> Result<(Bytes, usize), NotifyError> {
    let mut bytes = BytesMut::new();
    while let Some(piece) = body.next().await? {
        // Growing copies: old and new are there at the same time.
        held.cover(2 * (bytes.len() + piece.len())).await?;
        seen.piece(&piece);
        bytes.extend_from_slice(&piece);
    }
    let n_bytes = bytes.len();
    Ok((bytes.freeze(), n_bytes))
}

/// What is asked for, once it is known that it can be done.
struct Bulk {
    principal: Principal,
    template: Usable,
    fields: JobFields,
    sender: Option<String>,
}

impl Bulk {
    async fn check(
        state: &State,
        principal: Principal,
        fields: JobFields,
    ) -> Result<Self, NotifyError> {
        let access = &principal.access;
        let template = state.templates.get(access.service.id, fields.template_id);
        let template = Usable::found(template.await?)?;
        let channel = template.channel();
        super::check_permission(&access.service, channel)?;
        super::check_brake(&access.service, channel, principal.key_type)?;
        template.check_in_use()?;
        let sender = recipient::sender(access, channel, fields.sender_id)?;
        Ok(Self {
            principal,
            template,
            fields,
            sender,
        })
    }

    fn channel(&self) -> Channel {
        self.template.channel()
    }

    fn packer(&self, on_invalid: OnInvalidRows, state: &State) -> Packer {
        Packer {
            check: Check {
                access: self.principal.access.clone(),
                key_type: self.principal.key_type,
                template: self.template.parsed(),
            },
            on_invalid,
            rows_per_chunk: state.settings.jobs.rows_per_chunk,
            n_held: 0,
        }
    }

    fn job(&self, payload: &Payload) -> NewJob {
        NewJob {
            id: JobId(id::mint()),
            service_id: self.principal.access.service.id,
            template_id: self.template.id(),
            template_version: self.template.version(),
            api_key_id: Some(self.principal.key_id),
            key_type: self.principal.key_type,
            channel: self.channel(),
            lane: carillon_core::job::lane(self.template.lane(), payload.n_rows),
            name: self.fields.name.clone(),
            sender_id: self.fields.sender_id,
            sender: self.sender.clone(),
            scheduled_for: self.fields.scheduled_for,
            n_invalid_rows: 0,
            retry_of: None,
            trace: Some(crate::trace::current()),
            storage: String::new(),
            chunks: Vec::new(),
            invalid_rows: None,
        }
    }
}

/// Where the rows are, with the bytes they hold; or that they are still coming, with the charset
/// that was named.
enum Source {
    Here(Rows, usize),
    Coming(Box<Coming>, Option<String>),
}

/// A file on its way.
enum Coming {
    Body(Body),
    Part(FilePart),
}

impl Source {
    /// Packs the rows on a thread of their own.
    async fn pack(
        self,
        mut packer: Packer,
        mut held: Held,
        seen: &mut Seen,
    ) -> Result<(Payload, Held), NotifyError> {
        match self {
            Self::Here(rows, n_held) => {
                packer.n_held = n_held;
                let pack = move || Ok((packer.pack(&rows, &mut held)?, held));
                run(pack).await
            }
            Self::Coming(coming, charset) => {
                let (feeder, reader) = feed();
                let pack = move || {
                    let payload = packer.pack_fed(reader, charset.as_deref(), &mut held)?;
                    Ok((payload, held))
                };
                let (fed, packed) = futures::join!(coming.feed(feeder, seen), run(pack));
                // A reader whose feed broke off knows that only.
                fed?;
                packed
            }
        }
    }
}

async fn run<T: Send + 'static>(
    pack: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
) -> Result<T, NotifyError> {
    let packed = web::block(pack)
        .await
        .map_err(|_| NotifyError::unavailable())?;
    Ok(packed?)
}

impl Coming {
    /// Feeds the reader until it has all it wants.
    async fn feed(mut self, feeder: Feeder, seen: &mut Seen) -> Result<(), NotifyError> {
        loop {
            let piece = match &mut self {
                Self::Body(body) => body.next().await?,
                Self::Part(part) => part.next().await?,
            };
            let Some(piece) = piece else {
                feeder.end().await;
                return Ok(());
            };
            seen.piece(&piece);
            if !feeder.feed(piece).await {
                return Ok(());
            }
        }
    }
}

impl From<TooManyUploads> for NotifyError {
    fn from(error: TooManyUploads) -> Self {
        Self::too_many(format!("{error}. Please try again in a few seconds"))
    }
}

impl From<NoMemory> for NotifyError {
    fn from(_: NoMemory) -> Self {
        Self::unavailable()
    }
}
