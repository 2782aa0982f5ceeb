//! Reads measures and conditions. The grammar is flat, so reading needs no recursion, and a text has
//! a greatest length, so it needs no more than that.

mod condition;

use std::ops::Range;

use super::{
    Measure, Predicate,
    function::{self, FUNCTIONS, Function, Takes, Wants},
    token::{self, Token},
};
use crate::{dataset::DatasetColumn, near};

/// How long an expression may be.
pub const EXPRESSION_BYTES_MAX: usize = 16 * 1024;
/// How many decimals a measure can be rounded to.
pub const DIGITS_MAX: u8 = 15;

/// Why a text is no expression.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
#[non_exhaustive]
pub struct Error {
    /// Bytes of the text that are meant.
    pub span: Range<usize>,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The column that nobody knows, if that is what is wrong.
    pub unknown_column: Option<String>,
}

impl Error {
    pub(super) fn new(span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error {
            span,
            message: message.into(),
            hint: Some(hint.into()),
            unknown_column: None,
        }
    }
}

/// Reads a condition over these columns.
pub fn predicate(text: &str, columns: &[DatasetColumn]) -> Result<Predicate, Error> {
    let mut parser = Parser::new(text, columns)?;
    if parser.token() == &Token::End {
        return Err(parser.error("the condition is empty", "leave it out to mean every row"));
    }
    let predicate = parser.predicate()?;
    parser.end()?;
    Ok(predicate)
}

/// Reads a measure over these columns.
pub fn measure(text: &str, columns: &[DatasetColumn]) -> Result<Measure, Error> {
    let mut parser = Parser::new(text, columns)?;
    let measure = parser.measure()?;
    parser.end()?;
    Ok(measure)
}

struct Parser<'a> {
    tokens: Vec<(Token, Range<usize>)>,
    at: usize,
    columns: &'a [DatasetColumn],
}

impl<'a> Parser<'a> {
    fn new(text: &str, columns: &'a [DatasetColumn]) -> Result<Parser<'a>, Error> {
        if text.len() > EXPRESSION_BYTES_MAX {
            let message = format!("the expression has {} bytes", text.len());
            let hint =
                format!("{EXPRESSION_BYTES_MAX} are allowed: compute a bool column in the dataset's SQL");
            return Err(Error::new(0..text.len(), message, hint));
        }
        Ok(Parser {
            tokens: token::tokens(text)?,
            at: 0,
            columns,
        })
    }

    fn measure(&mut self) -> Result<Measure, Error> {
        let function = self.function()?;
        if function.takes == Takes::OptionalCondition && !self.skip("(") {
            return Ok(Measure::Count(Predicate::default()));
        }
        if function.takes != Takes::OptionalCondition {
            self.open(function)?;
        }
        let measure = self.arguments(function)?;
        self.close(function)?;
        Ok(measure)
    }

    fn function(&mut self) -> Result<&'static Function, Error> {
        let names = || FUNCTIONS.iter().map(|function| function.name);
        let Token::Word(word) = self.token() else {
            let found = self.token().to_string();
            let hint = format!(
                "a measure begins with a function: {}",
                near::list(&names().collect::<Vec<_>>())
            );
            return Err(self.error(format!("expected a function, found {found}"), hint));
        };
        match FUNCTIONS
            .iter()
            .find(|function| function.name.eq_ignore_ascii_case(word))
        {
            Some(function) => {
                self.at += 1;
                Ok(function)
            }
            None => {
                let hint = match self.column_named(word) {
                    Some(_) => format!("`{word}` is a column; what of it? `mean({word})`, for example"),
                    None => match function::meant(word) {
                        Some(meant) => format!("here it is `{meant}`"),
                        None => near::hint(word, names()).unwrap_or_default(),
                    },
                };
                Err(self.error(format!("function `{word}` is unknown"), hint))
            }
        }
    }

    fn arguments(&mut self, function: &Function) -> Result<Measure, Error> {
        let name = function.name;
        Ok(match function.takes {
            Takes::OptionalCondition => Measure::Count(self.predicate()?),
            Takes::Condition => Measure::Share {
                predicate: self.predicate()?,
                digits: self.digits()?,
            },
            Takes::ColumnAndDigits(wants) => {
                let column = self.argument(function, wants)?;
                let digits = self.digits()?;
                match name {
                    "mean" => Measure::Mean { column, digits },
                    _ => Measure::Stddev { column, digits },
                }
            }
            Takes::ColumnAndPercent(wants) => {
                let column = self.argument(function, wants)?;
                Measure::Percentile {
                    column,
                    fraction: self.fraction()?,
                }
            }
            Takes::Column(wants) => {
                let column = self.argument(function, wants)?;
                match name {
                    "sum" => Measure::Sum(column),
                    "min" => Measure::Min(column),
                    "max" => Measure::Max(column),
                    "first" => Measure::First(column),
                    "last" => Measure::Last(column),
                    _ => Measure::Distinct(column),
                }
            }
        })
    }

    /// A column that fits the function.
    fn argument(&mut self, function: &Function, wants: Wants) -> Result<usize, Error> {
        let span = self.span();
        let column = self.column()?;
        let found = &self.columns[column].column;
        if wants.fits(found.kind) {
            return Ok(column);
        }
        let message = format!(
            "`{}` needs {}, `{}` is {}",
            function.name,
            wants.words(),
            found.name,
            found.kind.name()
        );
        let fitting: Vec<&str> = self
            .columns
            .iter()
            .filter(|column| wants.fits(column.column.kind))
            .map(|column| column.column.name.as_str())
            .collect();
        let hint = match fitting.is_empty() {
            true => "cast it in the dataset's SQL".to_owned(),
            false => format!("these fit: {}", near::list(&fitting)),
        };
        Err(Error::new(span, message, hint))
    }

    /// `, digits` if it is there.
    fn digits(&mut self) -> Result<Option<u8>, Error> {
        if !self.skip(",") {
            return Ok(None);
        }
        match self.token() {
            Token::Integer(digits) if (0..=i64::from(DIGITS_MAX)).contains(digits) => {
                let digits = u8::try_from(*digits).ok();
                self.at += 1;
                Ok(digits)
            }
            found => {
                let message = format!("expected a number of decimals, found {found}");
                Err(self.error(message, format!("write an integer from 0 to {DIGITS_MAX}")))
            }
        }
    }

    /// `, percent`.
    fn fraction(&mut self) -> Result<f64, Error> {
        let hint = "write the percentage after the column: `percentile(delay, 90)`";
        if !self.skip(",") {
            return Err(self.error(format!("expected `,`, found {}", self.token()), hint));
        }
        let percent = match self.token() {
            Token::Integer(percent) => *percent as f64,
            Token::Float(percent) => *percent,
            found => return Err(self.error(format!("expected a percentage, found {found}"), hint)),
        };
        // A percentage so small that its fraction is zero is no rank either.
        if percent / 100.0 > 0.0 && percent <= 100.0 {
            self.at += 1;
            return Ok(percent / 100.0);
        }
        Err(self.error(
            format!("{percent} is no percentage"),
            "above 0, at most 100: the median is 50",
        ))
    }

    fn column(&mut self) -> Result<usize, Error> {
        let name = match self.token() {
            Token::Word(name) | Token::Name(name) => name.clone(),
            found => {
                let found = found.to_string();
                return Err(self.error(
                    format!("expected a column, found {found}"),
                    "name a column of the dataset",
                ));
            }
        };
        match self.column_named(&name) {
            Some(column) => {
                self.at += 1;
                Ok(column)
            }
            None => {
                let known = self.columns.iter().map(|column| column.column.name.as_str());
                let hint = match name.eq_ignore_ascii_case("not") {
                    true => Some("there is no `not`; turn the comparison round".to_owned()),
                    false => near::hint(&name, known),
                };
                Err(Error {
                    span: self.span(),
                    message: format!("column `{name}` is unknown"),
                    hint,
                    unknown_column: Some(name),
                })
            }
        }
    }

    fn column_named(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.column.name == name)
    }

    fn open(&mut self, function: &Function) -> Result<(), Error> {
        match self.skip("(") {
            true => Ok(()),
            false => {
                let message = format!("`{}` lacks its parentheses", function.name);
                Err(self.error(message, format!("write `{}`", function.example)))
            }
        }
    }

    fn close(&mut self, function: &Function) -> Result<(), Error> {
        match self.skip(")") {
            true => Ok(()),
            false => {
                let message = format!("expected `)`, found {}", self.token());
                Err(self.error(message, self.next_step(&format!("write `{}`", function.form))))
            }
        }
    }

    fn end(&self) -> Result<(), Error> {
        match self.token() {
            Token::End => Ok(()),
            found => {
                let message = format!("expected the end, found {found}");
                Err(self.error(message, self.next_step("conditions are joined by `and`")))
            }
        }
    }

    /// A hint for words that other languages have here.
    fn next_step(&self, otherwise: &str) -> String {
        match self.token().is("or") {
            true => {
                "there is no `or`: use `in (..)`, or compute a bool column in the dataset's SQL".to_owned()
            }
            false => otherwise.to_owned(),
        }
    }

    fn token(&self) -> &Token {
        &self.tokens[self.at].0
    }

    fn span(&self) -> Range<usize> {
        self.tokens[self.at].1.clone()
    }

    fn error(&self, message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::new(self.span(), message, hint)
    }

    fn skip(&mut self, sign: &str) -> bool {
        let found = matches!(self.token(), Token::Sign(found) if *found == sign);
        self.at += usize::from(found);
        found
    }

    fn skip_word(&mut self, keyword: &str) -> bool {
        let found = self.token().is(keyword);
        self.at += usize::from(found);
        found
    }
}
