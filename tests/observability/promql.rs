//! Reads PromQL: enough of the language to refuse what Prometheus refuses, and to see which metrics
//! and labels a query names. `promtool` is the judge where it is installed.

use std::collections::BTreeSet;

use crate::exported::Kind;

/// What a query names.
#[derive(Debug, Default)]
pub struct Query {
    pub selectors: Vec<Selector>,
    /// Labels by which something is grouped, and those that `label_replace` makes.
    pub grouped_by: BTreeSet<String>,
    /// Whether anything is aggregated: only the labels above are left then.
    pub is_aggregated: bool,
}

/// A metric with the labels that it is chosen by.
#[derive(Debug)]
pub struct Selector {
    pub metric: String,
    pub labels: Vec<String>,
    /// The kind that the function around it is for; none if it is for all.
    pub wants: Option<Kind>,
}

/// The type of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Scalar,
    Vector,
    Range,
    Text,
}

const AGGREGATIONS: [&str; 7] = ["sum", "min", "max", "avg", "count", "topk", "quantile"];

/// Each function with the types of its arguments and of its result.
const FUNCTIONS: [(&str, &[Type], Type); 11] = [
    ("rate", &[Type::Range], Type::Vector),
    ("increase", &[Type::Range], Type::Vector),
    ("changes", &[Type::Range], Type::Vector),
    ("min_over_time", &[Type::Range], Type::Vector),
    ("max_over_time", &[Type::Range], Type::Vector),
    ("absent", &[Type::Vector], Type::Vector),
    (
        "histogram_quantile",
        &[Type::Scalar, Type::Vector],
        Type::Vector,
    ),
    ("vector", &[Type::Scalar], Type::Vector),
    ("time", &[], Type::Scalar),
    ("clamp_min", &[Type::Vector, Type::Scalar], Type::Vector),
    (
        "label_replace",
        &[Type::Vector, Type::Text, Type::Text, Type::Text, Type::Text],
        Type::Vector,
    ),
];

const SET_OPERATORS: [&str; 3] = ["and", "or", "unless"];

/// Reads a query.
///
/// # Errors
/// What is wrong with it.
pub fn read(text: &str) -> Result<Query, String> {
    let mut reader = Reader {
        tokens: tokens(text)?,
        at: 0,
        query: Query::default(),
        wants: None,
    };
    let of = reader.expression()?;
    if reader.at < reader.tokens.len() {
        return Err(format!("{:?} is too much", reader.tokens[reader.at]));
    }
    match of {
        Type::Scalar | Type::Vector => Ok(reader.query),
        other => Err(format!("it is a {other:?}")),
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Name(String),
    Number(String),
    Text(String),
    Sign(&'static str),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    const SIGNS: [&str; 23] = [
        "=~", "!~", "!=", "==", ">=", "<=", "(", ")", "{", "}", "[", "]", ",", "=", ">", "<", "+",
        "-", "*", "/", "%", "^", ":",
    ];
    let mut found = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = if first.is_ascii_alphabetic() || first == '_' {
            let length = span(rest, |c| c.is_ascii_alphanumeric() || c == '_' || c == ':');
            found.push(Token::Name(rest[..length].to_owned()));
            length
        } else if first.is_ascii_digit() {
            let length = span(rest, |c| c.is_ascii_alphanumeric() || c == '.');
            found.push(Token::Number(rest[..length].to_owned()));
            length
        } else if first == '"' || first == '\'' {
            let length = rest[1..]
                .find(first)
                .ok_or_else(|| format!("{rest} is not closed"))?;
            found.push(Token::Text(rest[1..=length].to_owned()));
            length + 2
        } else {
            let sign = SIGNS
                .into_iter()
                .find(|sign| rest.starts_with(sign))
                .ok_or_else(|| format!("{first:?} is no sign"))?;
            found.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[length..].trim_start();
    }
    Ok(found)
}

fn span(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    query: Query,
    wants: Option<Kind>,
}

impl Reader {
    fn expression(&mut self) -> Result<Type, String> {
        let mut left = self.operand()?;
        while let Some(operator) = self.operator() {
            if SET_OPERATORS.contains(&operator.as_str()) || self.peek_name(&["on", "ignoring"]) {
                require(left, Type::Vector)?;
            }
            let is_comparison = ["==", "!=", ">", "<", ">=", "<="].contains(&operator.as_str());
            if self.take_name("bool") && !is_comparison {
                return Err(format!("bool behind {operator}"));
            }
            let matches = self.peek_name(&["on", "ignoring"]);
            if matches {
                self.at += 1;
                self.labels()?;
                if self.peek_name(&["group_left", "group_right"]) {
                    self.at += 1;
                    if self.peek_sign("(") {
                        self.labels()?;
                    }
                }
            }
            let right = self.operand()?;
            if SET_OPERATORS.contains(&operator.as_str()) || matches {
                require(right, Type::Vector)?;
            }
            left = match (left, right) {
                (Type::Scalar, Type::Scalar) => Type::Scalar,
                (Type::Scalar | Type::Vector, Type::Scalar | Type::Vector) => Type::Vector,
                (left, right) => return Err(format!("{left:?} {operator} {right:?}")),
            };
        }
        Ok(left)
    }

    fn operand(&mut self) -> Result<Type, String> {
        if self.take_sign("-") || self.take_sign("+") {
            return self.operand();
        }
        let of = match self.next()? {
            Token::Number(number) => {
                number
                    .parse::<f64>()
                    .map_err(|_| format!("{number} is no number"))?;
                Type::Scalar
            }
            Token::Text(_) => Type::Text,
            Token::Sign("(") => {
                let of = self.expression()?;
                self.expect(")")?;
                of
            }
            Token::Name(name) if AGGREGATIONS.contains(&name.as_str()) => {
                self.aggregation(&name)?
            }
            Token::Name(name) if self.peek_sign("(") => self.call(&name)?,
            Token::Name(name) => self.selector(name)?,
            other @ Token::Sign(_) => return Err(format!("{other:?} is out of place")),
        };
        self.modified(of)
    }

    fn modified(&mut self, mut of: Type) -> Result<Type, String> {
        loop {
            if self.take_sign("[") {
                require(of, Type::Vector)?;
                self.duration()?;
                if self.take_sign(":") && !self.peek_sign("]") {
                    self.duration()?;
                }
                self.expect("]")?;
                of = Type::Range;
            } else if self.take_name("offset") {
                self.duration()?;
            } else {
                return Ok(of);
            }
        }
    }

    fn aggregation(&mut self, name: &str) -> Result<Type, String> {
        self.query.is_aggregated = true;
        let is_grouped = self.grouping()?;
        self.expect("(")?;
        if name == "topk" || name == "quantile" {
            let first = self.expression()?;
            require(first, Type::Scalar)?;
            self.expect(",")?;
        }
        let of = self.expression()?;
        require(of, Type::Vector)?;
        self.expect(")")?;
        if !is_grouped {
            self.grouping()?;
        }
        Ok(Type::Vector)
    }

    fn grouping(&mut self) -> Result<bool, String> {
        if !self.take_name("by") {
            return Ok(false);
        }
        let labels = self.labels()?;
        self.query.grouped_by.extend(labels);
        Ok(true)
    }

    fn call(&mut self, name: &str) -> Result<Type, String> {
        let (_, arguments, result) = FUNCTIONS
            .into_iter()
            .find(|(known, _, _)| *known == name)
            .ok_or_else(|| format!("there is no function {name}, or this test does not know it"))?;
        let outer = self.wants;
        self.wants = match (name, outer) {
            // What is rated inside of a quantile is a histogram.
            ("histogram_quantile", _) | (_, Some(Kind::Histogram)) => Some(Kind::Histogram),
            ("rate" | "increase", _) => Some(Kind::Counter),
            _ => outer,
        };
        self.expect("(")?;
        for (n, argument) in arguments.iter().enumerate() {
            if n > 0 {
                self.expect(",")?;
            }
            if let (1, "label_replace", Some(Token::Text(label))) =
                (n, name, self.tokens.get(self.at).cloned())
            {
                self.query.grouped_by.insert(label);
            }
            let of = self.expression()?;
            require(of, *argument)?;
        }
        self.expect(")")?;
        self.wants = outer;
        Ok(result)
    }

    fn selector(&mut self, metric: String) -> Result<Type, String> {
        let mut labels = Vec::new();
        if self.take_sign("{") {
            while !self.take_sign("}") {
                let Token::Name(label) = self.next()? else {
                    return Err(format!("a label of {metric} has no name"));
                };
                match self.next()? {
                    Token::Sign("=" | "!=" | "=~" | "!~") => {}
                    other => return Err(format!("{other:?} behind the label {label}")),
                }
                let Token::Text(_) = self.next()? else {
                    return Err(format!("the label {label} has no value"));
                };
                labels.push(label);
                if !self.peek_sign("}") {
                    self.expect(",")?;
                }
            }
        }
        self.query.selectors.push(Selector {
            metric,
            labels,
            wants: self.wants,
        });
        Ok(Type::Vector)
    }

    fn labels(&mut self) -> Result<Vec<String>, String> {
        self.expect("(")?;
        let mut labels = Vec::new();
        while !self.take_sign(")") {
            let Token::Name(label) = self.next()? else {
                return Err("a list of labels holds something else".to_owned());
            };
            labels.push(label);
            if !self.peek_sign(")") {
                self.expect(",")?;
            }
        }
        Ok(labels)
    }

    fn duration(&mut self) -> Result<(), String> {
        let Token::Number(text) = self.next()? else {
            return Err("a duration is missing".to_owned());
        };
        let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
        if ["ms", "s", "m", "h", "d", "w", "y"].contains(&unit) {
            Ok(())
        } else {
            Err(format!("{text} is no duration"))
        }
    }

    fn operator(&mut self) -> Option<String> {
        let operator = match self.tokens.get(self.at)? {
            Token::Name(name) if SET_OPERATORS.contains(&name.as_str()) => name.clone(),
            Token::Sign(
                sign @ ("==" | "!=" | ">" | "<" | ">=" | "<=" | "+" | "-" | "*" | "/" | "%" | "^"),
            ) => (*sign).to_owned(),
            _ => return None,
        };
        self.at += 1;
        Some(operator)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| "it ends too early".to_owned())
    }

    fn expect(&mut self, sign: &'static str) -> Result<(), String> {
        match self.next()? {
            Token::Sign(found) if found == sign => Ok(()),
            other => Err(format!("{other:?} instead of {sign}")),
        }
    }

    fn peek_sign(&self, sign: &'static str) -> bool {
        self.tokens.get(self.at) == Some(&Token::Sign(sign))
    }

    fn take_sign(&mut self, sign: &'static str) -> bool {
        let is_there = self.peek_sign(sign);
        self.at += usize::from(is_there);
        is_there
    }

    fn peek_name(&self, names: &[&str]) -> bool {
        matches!(self.tokens.get(self.at), Some(Token::Name(name)) if names.contains(&name.as_str()))
    }

    fn take_name(&mut self, name: &str) -> bool {
        let is_there = self.peek_name(&[name]);
        self.at += usize::from(is_there);
        is_there
    }
}

fn require(of: Type, wanted: Type) -> Result<(), String> {
    if of == wanted {
        Ok(())
    } else {
        Err(format!("a {of:?} where a {wanted:?} belongs"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_prometheus_refuses_is_refused() {
        for text in [
            "sum(rate(a_total[5m])",
            "rate(a_total)",
            "sum(a_total[5m])",
            "a{b=c}",
            "a{b='c' d='e'}",
            "sum by rate(a[5m])",
            "a > ",
            "a b",
            "rates(a[5m])",
            "1 and a",
            "a[5 minutes]",
            "a == bool",
            "a + bool 1",
            "a[5m]",
            "histogram_quantile(a)",
            "a{b=\"c}",
        ] {
            assert!(read(text).is_err(), "{text} was accepted");
        }
    }

    #[test]
    fn metrics_and_labels_are_seen() {
        let query = read(
            "sum by (queue) (increase(a_total{queue=~\"b|c\"}[15m])) > 0 or \
             sum by (queue) (a_total unless a_total offset 15m) > 0 unless on () (-1.5 * b == bool 0)",
        )
        .unwrap();
        let metrics: Vec<_> = query.selectors.iter().map(|s| s.metric.as_str()).collect();
        assert_eq!(metrics, ["a_total", "a_total", "a_total", "b"]);
        assert_eq!(query.selectors[0].labels, ["queue"]);
        assert_eq!(query.selectors[0].wants, Some(Kind::Counter));
        assert_eq!(query.selectors[1].wants, None);
        assert_eq!(query.grouped_by, BTreeSet::from(["queue".to_owned()]));
    }
}
