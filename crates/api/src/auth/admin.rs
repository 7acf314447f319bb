//! The platform administrator's token, which has every scope.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use secrecy::ExposeSecret;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::error::Problem;
use crate::state::State;

/// Proof that the caller is a platform administrator.
pub(crate) struct Admin;

impl FromRequest for Admin {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(admit(request))
    }
}

fn admit(request: &HttpRequest) -> Result<Admin, Problem> {
    let token = request
        .headers()
        .get("Authorization")
        .and_then(|header| header.to_str().ok())
        .and_then(|header| header.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
        .map(|(_, token)| token.trim())
        .ok_or_else(|| Problem::not_admitted(401, "Authorization: Bearer <token> is needed"))?;
    let expected = request
        .app_data::<web::Data<State>>()
        .and_then(|state| state.settings.api.admin_token.clone())
        .ok_or_else(|| Problem::not_admitted(403, "no administrator's token is configured"))?;
    // Hashed first, so that neither content nor length shows in the time it takes.
    let (given, expected) = (
        Sha256::digest(token),
        Sha256::digest(expected.expose_secret()),
    );
    if bool::from(given.ct_eq(&expected)) {
        Ok(Admin)
    } else {
        Err(Problem::not_admitted(403, "the token is not valid"))
    }
}
