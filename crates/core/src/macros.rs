//! `id!` makes a distinct type for each kind of id; `text_enum!` an enum with one spelling for
//! SQL, JSON, queues and people.

/// Declares a newtype over [`uuid::Uuid`] that is written as a plain UUID everywhere.
macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize,
        )]
        #[cfg_attr(feature = "sql", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
        #[cfg_attr(feature = "sql", diesel(sql_type = diesel::sql_types::Uuid))]
        #[serde(transparent)]
        pub struct $name(pub uuid::Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(f)
            }
        }

        impl std::str::FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map(Self)
            }
        }

        #[cfg(feature = "sql")]
        const _: () = {
            use diesel::deserialize::FromSql;
            use diesel::pg::{Pg, PgValue};
            use diesel::serialize::{Output, ToSql};
            use diesel::sql_types;

            impl ToSql<sql_types::Uuid, Pg> for $name {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
                    ToSql::<sql_types::Uuid, Pg>::to_sql(&self.0, out)
                }
            }

            impl FromSql<sql_types::Uuid, Pg> for $name {
                fn from_sql(value: PgValue<'_>) -> diesel::deserialize::Result<Self> {
                    <uuid::Uuid as FromSql<sql_types::Uuid, Pg>>::from_sql(value).map(Self)
                }
            }
        };
    };
}

/// Declares an enum whose variants each have one spelling: in SQL, JSON, queues, metrics, docs.
macro_rules! text_enum {
    (
        $(#[$doc:meta])*
        pub enum $name:ident { $( $(#[$vdoc:meta])* $variant:ident = $text:literal, )+ }
    ) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord,
            serde::Serialize, serde::Deserialize,
        )]
        #[cfg_attr(feature = "sql", derive(diesel::expression::AsExpression, diesel::deserialize::FromSqlRow))]
        #[cfg_attr(feature = "sql", diesel(sql_type = diesel::sql_types::Text))]
        pub enum $name {
            $( $(#[$vdoc])* #[serde(rename = $text)] $variant, )+
        }

        impl $name {
            /// Every value, in declaration order.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )+ ];

            /// The spelling.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $( Self::$variant => $text, )+ }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl std::str::FromStr for $name {
            type Err = crate::reason::UnknownName;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match text {
                    $( $text => Ok(Self::$variant), )+
                    _ => Err(crate::reason::UnknownName {
                        what: stringify!($name),
                        given: text.to_owned(),
                        allowed: Self::ALL.iter().map(|v| v.as_str()).collect::<Vec<_>>().join(", "),
                    }),
                }
            }
        }

        #[cfg(feature = "sql")]
        const _: () = {
            use diesel::deserialize::FromSql;
            use diesel::pg::{Pg, PgValue};
            use diesel::serialize::{Output, ToSql};
            use diesel::sql_types;

            impl ToSql<sql_types::Text, Pg> for $name {
                fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> diesel::serialize::Result {
                    <str as ToSql<sql_types::Text, Pg>>::to_sql(self.as_str(), out)
                }
            }

            impl FromSql<sql_types::Text, Pg> for $name {
                fn from_sql(value: PgValue<'_>) -> diesel::deserialize::Result<Self> {
                    let text = std::str::from_utf8(value.as_bytes())?;
                    text.parse().map_err(Into::into)
                }
            }
        };
    };
}
