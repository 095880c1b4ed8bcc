//! A metadata value, typed.

/// A metadata value. Integers of every width are widened, which loses nothing.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// An unsigned integer of 8, 16, 32 or 64 bits.
    Unsigned(u64),
    /// A signed integer of 8, 16, 32 or 64 bits.
    Signed(i64),
    /// A single-precision number.
    F32(f32),
    /// A double-precision number.
    F64(f64),
    /// A truth value.
    Bool(bool),
    /// A text.
    String(String),
    /// A list of values of one type.
    Array(Array),
}

/// A list of metadata values of one type; lists of lists are not read.
#[derive(Clone, Debug, PartialEq)]
pub enum Array {
    /// Unsigned integers.
    Unsigned(Vec<u64>),
    /// Signed integers.
    Signed(Vec<i64>),
    /// Single-precision numbers.
    F32(Vec<f32>),
    /// Double-precision numbers.
    F64(Vec<f64>),
    /// Truth values.
    Bool(Vec<bool>),
    /// Texts.
    String(Vec<String>),
}

impl Value {
    /// The type in words, as error messages name it.
    #[must_use]
    pub fn type_name(&self) -> &'static str {
        match self {
            Self::Unsigned(_) => "an unsigned integer",
            Self::Signed(_) => "a signed integer",
            Self::F32(_) => "an f32",
            Self::F64(_) => "an f64",
            Self::Bool(_) => "a truth value",
            Self::String(_) => "a text",
            Self::Array(Array::Unsigned(_)) => "a list of unsigned integers",
            Self::Array(Array::Signed(_)) => "a list of signed integers",
            Self::Array(Array::F32(_)) => "a list of f32",
            Self::Array(Array::F64(_)) => "a list of f64",
            Self::Array(Array::Bool(_)) => "a list of truth values",
            Self::Array(Array::String(_)) => "a list of texts",
        }
    }
}

/// A Rust type that some metadata values have.
pub trait FromValue<'a>: Sized {
    /// The type in words, as error messages name it.
    const NAME: &'static str;

    /// The value as this type; `None` where it has another one.
    fn from_value(value: &'a Value) -> Option<Self>;
}

impl FromValue<'_> for u64 {
    const NAME: &'static str = "an integer that is not negative";

    fn from_value(value: &Value) -> Option<Self> {
        match *value {
            Value::Unsigned(number) => Some(number),
            Value::Signed(number) => number.try_into().ok(),
            _ => None,
        }
    }
}

impl FromValue<'_> for f32 {
    const NAME: &'static str = "an f32";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::F32(number) = *value { Some(number) } else { None }
    }
}

impl FromValue<'_> for bool {
    const NAME: &'static str = "a truth value";

    fn from_value(value: &Value) -> Option<Self> {
        if let Value::Bool(truth) = *value { Some(truth) } else { None }
    }
}

impl<'a> FromValue<'a> for &'a str {
    const NAME: &'static str = "a text";

    fn from_value(value: &'a Value) -> Option<Self> {
        if let Value::String(text) = value { Some(text) } else { None }
    }
}

impl<'a> FromValue<'a> for &'a [String] {
    const NAME: &'static str = "a list of texts";

    fn from_value(value: &'a Value) -> Option<Self> {
        if let Value::Array(Array::String(list)) = value { Some(list) } else { None }
    }
}

impl<'a> FromValue<'a> for &'a [i64] {
    const NAME: &'static str = "a list of signed integers";

    fn from_value(value: &'a Value) -> Option<Self> {
        if let Value::Array(Array::Signed(list)) = value { Some(list) } else { None }
    }
}
