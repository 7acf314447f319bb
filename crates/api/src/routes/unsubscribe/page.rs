//! The pages behind an unsubscribe link: plain HTML that needs nothing else, in any browser and
//! for any reader.

use actix_web::http::StatusCode;
use actix_web::{HttpResponse, HttpResponseBuilder};

/// The field that mail programs send (RFC 8058); the form sends the same.
const FIELD: (&str, &str) = ("List-Unsubscribe", "One-Click");

/// Whether to unsubscribe.
pub(crate) fn question(service_name: &str) -> HttpResponse {
    let (name, value) = FIELD;
    let body = format!(
        "<p>You will get no more e-mail from {}.</p>\n\
         <form method=\"post\">\n\
         <input type=\"hidden\" name=\"{name}\" value=\"{value}\">\n\
         <button type=\"submit\">Unsubscribe</button>\n\
         </form>",
        escaped(service_name)
    );
    page(StatusCode::OK, "Unsubscribe", &body)
}

/// It is done.
pub(crate) fn done() -> HttpResponse {
    let body = "<p>You will get no more e-mail from this sender. A message already on its way may \
                still arrive.</p>";
    page(StatusCode::OK, "You are unsubscribed", body)
}

/// No link of ours.
pub(crate) fn unknown() -> HttpResponse {
    let body = "<p>Check that the whole link was copied from the message.</p>";
    page(StatusCode::NOT_FOUND, "This link is not valid", body)
}

/// The message is no longer on record.
pub(crate) fn gone() -> HttpResponse {
    let body = "<p>The message is too old to say whom it was sent to. Use the link in a newer \
                message, or answer to it.</p>";
    page(StatusCode::GONE, "This link no longer works", body)
}

/// Not now.
pub(crate) fn unavailable() -> HttpResponse {
    let body = "<p>Nothing was changed. Please try again in a few minutes.</p>";
    page(
        StatusCode::SERVICE_UNAVAILABLE,
        "Temporarily unavailable",
        body,
    )
}

fn page(status: StatusCode, title: &str, body: &str) -> HttpResponse {
    let html = format!(
        "<!DOCTYPE html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}</title>\n\
         </head>\n\
         <body>\n\
         <main>\n\
         <h1>{title}</h1>\n\
         {body}\n\
         </main>\n\
         </body>\n\
         </html>\n"
    );
    let mut response = HttpResponseBuilder::new(status);
    response
        .content_type("text/html; charset=utf-8")
        // The URL is a credential: no cache, search engine or other site learns it.
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("Referrer-Policy", "no-referrer"))
        .insert_header(("X-Robots-Tag", "noindex"))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header((
            "Content-Security-Policy",
            "default-src 'none'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
        ));
    if status == StatusCode::SERVICE_UNAVAILABLE {
        response.insert_header(("Retry-After", "60"));
    }
    response.body(html)
}

/// Text as it stands in HTML: a service's name is anybody's words.
fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            c => html.push(c),
        }
    }
    html
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;

    use super::*;

    async fn text(response: HttpResponse) -> String {
        let bytes = to_bytes(response.into_body()).await.unwrap();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_service_s_name_is_text_and_never_markup() {
        let html = text(question("<b>&\"'</b>")).await;
        assert!(
            html.contains("from &lt;b&gt;&amp;&quot;&#39;&lt;/b&gt;."),
            "{html}"
        );
    }

    #[tokio::test]
    async fn the_form_sends_what_a_mail_program_sends() {
        let html = text(question("Ely")).await;
        assert!(html.contains("<form method=\"post\">"), "{html}");
        let field = "name=\"List-Unsubscribe\" value=\"One-Click\"";
        assert!(html.contains(field), "{html}");
    }

    #[test]
    fn no_page_is_kept_or_tells_its_address() {
        let pages = [
            (question("Ely"), 200),
            (done(), 200),
            (unknown(), 404),
            (gone(), 410),
            (unavailable(), 503),
        ];
        for (page, status) in pages {
            assert_eq!(page.status().as_u16(), status);
            let header = |name: &str| page.headers().get(name).unwrap().to_str().unwrap();
            assert_eq!(header("Cache-Control"), "no-store");
            assert_eq!(header("Referrer-Policy"), "no-referrer");
            let policy = header("Content-Security-Policy");
            assert!(policy.starts_with("default-src 'none'"), "{policy}");
        }
    }
}
