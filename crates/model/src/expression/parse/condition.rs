//! Conditions: comparisons of a column with literals of its type, joined by `and`.

use super::{Error, Parser};
use crate::{
    column::Type,
    expression::{Condition, Literal, Operator, Predicate, time, token::Token},
};

impl Parser<'_> {
    pub(super) fn predicate(&mut self) -> Result<Predicate, Error> {
        let mut all = vec![self.condition()?];
        while self.skip_word("and") {
            all.push(self.condition()?);
        }
        Ok(Predicate { all })
    }

    fn condition(&mut self) -> Result<Condition, Error> {
        let column = self.column()?;
        if self.skip_word("is") {
            let negated = self.skip_word("not");
            return match self.skip_word("null") {
                true => Ok(Condition::Null { column, negated }),
                false => {
                    let message = format!("expected `null`, found {}", self.token());
                    Err(self.error(message, "write `is null` or `is not null`; for the rest use `=`"))
                }
            };
        }
        if self.token().is("in") {
            return self.list(column);
        }
        let operator = self.operator(column)?;
        let span = self.span();
        let literal = self.literal(column)?;
        if matches!(literal, Literal::Bool(_)) && !matches!(operator, Operator::Equal | Operator::NotEqual) {
            return Err(Error::new(
                span,
                "true and false have no order here",
                "compare with `=` or `<>`",
            ));
        }
        Ok(Condition::Compare {
            column,
            operator,
            literal,
        })
    }

    /// `in (a, b)`.
    fn list(&mut self, column: usize) -> Result<Condition, Error> {
        self.at += 1;
        let hint = "write `in ('JFK', 'LGA')`";
        if !self.skip("(") {
            return Err(self.error(format!("expected `(`, found {}", self.token()), hint));
        }
        let mut literals = vec![self.literal(column)?];
        while self.skip(",") {
            literals.push(self.literal(column)?);
        }
        match self.skip(")") {
            true => Ok(Condition::In { column, literals }),
            false => Err(self.error(format!("expected `,` or `)`, found {}", self.token()), hint)),
        }
    }

    fn operator(&mut self, column: usize) -> Result<Operator, Error> {
        let operator = match self.token() {
            Token::Sign("=") => Operator::Equal,
            Token::Sign("<>" | "!=") => Operator::NotEqual,
            Token::Sign("<") => Operator::Less,
            Token::Sign("<=") => Operator::LessOrEqual,
            Token::Sign(">") => Operator::Greater,
            Token::Sign(">=") => Operator::GreaterOrEqual,
            found => {
                let name = &self.columns[column].column.name;
                let hint = match found {
                    Token::Sign("==") => "equality is one `=`".to_owned(),
                    _ if self.columns[column].column.kind == Type::Bool => format!("write `{name} = true`"),
                    _ => "after a column comes `=`, `<>`, `<`, `<=`, `>`, `>=`, `in (..)`, `is null` or `is not null`; \
                          compute anything else in the dataset's SQL"
                        .to_owned(),
                };
                return Err(self.error(format!("expected a comparison of `{name}`, found {found}"), hint));
            }
        };
        self.at += 1;
        Ok(operator)
    }

    /// A literal in the form of the column's type.
    fn literal(&mut self, column: usize) -> Result<Literal, Error> {
        let columns = self.columns;
        let name = &columns[column].column.name;
        let kind = columns[column].column.kind;
        let (literal, hint) = match (kind, self.token()) {
            (Type::Int2 | Type::Int4 | Type::Int8, Token::Integer(number)) => {
                (Some(Literal::Integer(*number)), "")
            }
            (Type::Int2 | Type::Int4 | Type::Int8, _) => (None, "write an integer: 15"),
            (Type::Float4 | Type::Float8, token) => (float(token).map(Literal::Float), "write a number: 1.5"),
            (Type::Text, Token::Text(text)) => (Some(Literal::Text(text.clone())), ""),
            (Type::Text, _) => (None, "text stands in single quotes: 'JFK'"),
            (Type::Bool, word) if word.is("true") => (Some(Literal::Bool(true)), ""),
            (Type::Bool, word) if word.is("false") => (Some(Literal::Bool(false)), ""),
            (Type::Bool, _) => (None, "write `true` or `false`"),
            (Type::Date | Type::Timestamp | Type::Timestamptz, Token::Text(text)) => {
                match time::read(text, kind) {
                    Ok(time) => (Some(Literal::Time(time)), ""),
                    Err(hint) => (None, hint),
                }
            }
            (Type::Date | Type::Timestamp | Type::Timestamptz, _) => {
                (None, "a time stands in quotes: '2013-07-01'")
            }
            (Type::Uuid | Type::Json, _) => (
                None,
                "this type knows `is null` and `is not null` only; compute a bool column in the dataset's SQL",
            ),
        };
        match literal {
            Some(literal) => {
                self.at += 1;
                Ok(literal)
            }
            None if self.token().is("null") => Err(self.error(
                "nothing equals null",
                format!("write `{name} is null` or `{name} is not null`"),
            )),
            None => {
                let message = format!(
                    "`{name}` is {}, it cannot be compared with {}",
                    kind.name(),
                    self.token()
                );
                Err(self.error(message, hint))
            }
        }
    }
}

/// A number, or one of the texts by which PostgreSQL names those that digits cannot write.
fn float(token: &Token) -> Option<f64> {
    match token {
        Token::Integer(number) => Some(*number as f64),
        Token::Float(number) => Some(*number),
        Token::Text(text) if text.eq_ignore_ascii_case("nan") => Some(f64::NAN),
        Token::Text(text) if text.eq_ignore_ascii_case("infinity") => Some(f64::INFINITY),
        Token::Text(text) if text.eq_ignore_ascii_case("-infinity") => Some(f64::NEG_INFINITY),
        _ => None,
    }
}
