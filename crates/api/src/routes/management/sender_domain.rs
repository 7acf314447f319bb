//! Whether mail from a domain will be believed.

use actix_web::web::{Data, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use carillon_core::provider::ProviderSettings;
use carillon_core::sender_domain::{Records, Report, SenderDomain, Senders, is_selector};
use carillon_providers::dns::Dns;
use carillon_store::provider;
use serde::Deserialize;

use crate::auth::Admin;
use crate::error::Problem;
use crate::state::State;

/// The most selectors of one check: each is a question to DNS.
const MOST_SELECTORS: usize = 10;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Asked {
    /// DKIM selectors, with commas between them.
    #[serde(default)]
    selectors: String,
}

/// Asks DNS about SPF, DKIM, DMARC and MX, and says what is missing.
pub(crate) async fn check(
    _: Admin,
    path: Path<String>,
    request: HttpRequest,
    state: Data<State>,
) -> Result<HttpResponse, Problem> {
    let domain =
        SenderDomain::parse(&path).map_err(|error| Problem::field("domain", error.to_string()))?;
    let asked = Query::<Asked>::from_query(request.query_string())
        .map_err(|error| Problem::field("query", error.to_string()))?;
    let selectors = selectors(&asked.selectors)?;
    let senders = senders(&state).await?;
    let records = match Dns::system() {
        Ok(dns) => dns.records(&domain, &selectors).await,
        Err(error) => Records::unanswered(&domain, &error.to_string()),
    };
    Ok(HttpResponse::Ok().json(Report::of(&records, &senders)))
}

fn selectors(text: &str) -> Result<Vec<String>, Problem> {
    let selectors: Vec<&str> = text
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .collect();
    if selectors.len() > MOST_SELECTORS || !selectors.iter().all(|s| is_selector(s)) {
        let message =
            format!("must be at most {MOST_SELECTORS} selectors with commas between them");
        return Err(Problem::field("selectors", message));
    }
    Ok(selectors.into_iter().map(str::to_owned).collect())
}

/// Those of the active providers.
async fn senders(state: &State) -> Result<Senders, Problem> {
    let providers = provider::list(&state.store).await?;
    let settings = providers
        .iter()
        .filter(|provider| provider.active)
        .map(|provider| {
            ProviderSettings::read(provider.kind, &provider.settings).map_err(|fault| {
                let name = &provider.name;
                Problem::unreadable(format!("the settings of provider {name:?}: {fault}"))
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Senders::of(&settings))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_separated_by_commas_and_few() {
        assert_eq!(selectors("s1, s2,").unwrap(), ["s1", "s2"]);
        assert!(selectors("").unwrap().is_empty());
        assert!(selectors("a b").is_err());
        assert!(selectors(&["s"; 11].join(",")).is_err());
    }
}
