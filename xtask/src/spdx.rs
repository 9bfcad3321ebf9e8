//! Licence expressions: just enough of SPDX to decide whether a list of licences satisfies one.

/// A licence expression.
#[derive(Debug, PartialEq)]
pub(crate) enum Expression {
    /// One licence, with its exception when it has one: `Apache-2.0 WITH LLVM-exception`.
    Licence(String),
    /// Either side may be chosen.
    Or(Box<Expression>, Box<Expression>),
    /// Both sides hold.
    And(Box<Expression>, Box<Expression>),
}

impl Expression {
    /// Parses an expression; the old `A/B` is read as `A OR B`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ").replace('/', " OR ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut parser = Parser { words: &words, at: 0 };
        let whole = parser.either()?;
        (parser.at == words.len()).then_some(whole)
    }

    /// Whether licences of the list suffice.
    pub(crate) fn is_satisfied_by(&self, allowed: &[String]) -> bool {
        match self {
            Self::Licence(name) => allowed.contains(name),
            Self::Or(left, right) => {
                left.is_satisfied_by(allowed) || right.is_satisfied_by(allowed)
            }
            Self::And(left, right) => {
                left.is_satisfied_by(allowed) && right.is_satisfied_by(allowed)
            }
        }
    }
}

struct Parser<'a> {
    words: &'a [&'a str],
    at: usize,
}

impl Parser<'_> {
    fn takes(&mut self, word: &str) -> bool {
        let same = self.words.get(self.at).is_some_and(|next| next.eq_ignore_ascii_case(word));
        self.at += usize::from(same);
        same
    }

    fn either(&mut self) -> Option<Expression> {
        let mut left = self.both()?;
        while self.takes("OR") {
            left = Expression::Or(Box::new(left), Box::new(self.both()?));
        }
        Some(left)
    }

    fn both(&mut self) -> Option<Expression> {
        let mut left = self.one()?;
        while self.takes("AND") {
            left = Expression::And(Box::new(left), Box::new(self.one()?));
        }
        Some(left)
    }

    fn one(&mut self) -> Option<Expression> {
        if self.takes("(") {
            let inner = self.either()?;
            return self.takes(")").then_some(inner);
        }
        let name = *self.words.get(self.at)?;
        if matches!(name, ")" | "OR" | "AND" | "WITH") {
            return None;
        }
        self.at += 1;
        if self.takes("WITH") {
            let exception = *self.words.get(self.at)?;
            self.at += 1;
            return Some(Expression::Licence(format!("{name} WITH {exception}")));
        }
        Some(Expression::Licence(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_satisfies_an_expression_or_not() {
        let allowed: Vec<String> =
            ["MIT", "Apache-2.0", "Unicode-3.0"].iter().map(ToString::to_string).collect();
        for (text, expect) in [
            ("MIT", Some(true)),
            ("MPL-2.0", Some(false)),
            ("MIT OR MPL-2.0", Some(true)),
            ("MIT AND MPL-2.0", Some(false)),
            ("(MIT OR GPL-3.0) AND Unicode-3.0", Some(true)),
            ("MPL-2.0 OR MIT AND GPL-3.0", Some(false)),
            ("MIT/Apache-2.0", Some(true)),
            ("Apache-2.0 WITH LLVM-exception", Some(false)),
            ("Apache-2.0 WITH LLVM-exception OR MIT", Some(true)),
            ("", None),
            ("(MIT", None),
            ("MIT MIT", None),
            ("MIT OR", None),
        ] {
            let got = Expression::parse(text).map(|one| one.is_satisfied_by(&allowed));
            assert_eq!(got, expect, "{text}");
        }
    }
}
