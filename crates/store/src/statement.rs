//! Statements from `.sql` files that PostgreSQL prepares once per connection.
//!
//! diesel prepares `sql_query` anew on every call. A statement here has a static query id, so its
//! text is parsed and planned once; with arrays as parameters (`UNNEST`) one text serves a batch of
//! any size.

use diesel::pg::Pg;
use diesel::query_builder::AstPass;
use diesel::result::QueryResult;

/// Declares a statement: its file and its parameters in the order of `$1`, `$2`, …
///
/// The text must name the parameters in order, each once; only after the last of them any may be named
/// again. What is needed twice before that is named in a CTE first.
macro_rules! statement {
    (
        $(#[$doc:meta])*
        $name:ident = $file:literal { $( $field:ident : $rust:ty => $sql:ty ),* $(,)? }
    ) => {
        $(#[$doc])*
        #[derive(Debug)]
        struct $name { $( $field: $rust, )* }

        impl diesel::query_builder::QueryId for $name {
            type QueryId = Self;
            const HAS_STATIC_QUERY_ID: bool = true;
        }

        impl diesel::query_builder::Query for $name {
            type SqlType = diesel::sql_types::Untyped;
        }

        impl diesel::query_builder::QueryFragment<diesel::pg::Pg> for $name {
            fn walk_ast<'b>(
                &'b self,
                mut out: diesel::query_builder::AstPass<'_, 'b, diesel::pg::Pg>,
            ) -> diesel::result::QueryResult<()> {
                let text = crate::statement::Text::new(include_str!($file));
                $(
                    let text = text.up_to_parameter(&mut out);
                    out.push_bind_param::<$sql, $rust>(&self.$field)?;
                )*
                text.rest(&mut out)
            }
        }
    };
}

/// The text of a statement, handed to diesel in pieces between its parameters.
pub(crate) struct Text {
    rest: &'static str,
}

impl Text {
    pub(crate) const fn new(text: &'static str) -> Self {
        Self { rest: text }
    }

    /// Pushes the text up to the next `$n`, which diesel writes itself.
    pub(crate) fn up_to_parameter(self, out: &mut AstPass<'_, '_, Pg>) -> Self {
        let Some((before, after)) = self.rest.split_once('$') else {
            return self;
        };
        out.push_sql(before);
        Self {
            rest: after.trim_start_matches(|c: char| c.is_ascii_digit()),
        }
    }

    /// Pushes what follows the last parameter.
    pub(crate) fn rest(self, out: &mut AstPass<'_, '_, Pg>) -> QueryResult<()> {
        out.push_sql(self.rest);
        Ok(())
    }
}
