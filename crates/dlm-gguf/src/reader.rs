//! Little-endian fields read in order, none longer than what the file has left.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use crate::error::Error;
use crate::value::{Array, Value};

/// A forward reader that knows how many bytes are left.
pub(crate) struct Reader<'a> {
    path: &'a Path,
    input: BufReader<&'a File>,
    position: u64,
    length: u64,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte of `file`, which is `length` bytes long.
    pub(crate) fn new(path: &'a Path, file: &'a File, length: u64) -> Self {
        Self { path, input: BufReader::new(file), position: 0, length }
    }

    /// The file that is read.
    pub(crate) fn path(&self) -> &'a Path {
        self.path
    }

    /// Bytes read so far.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self, field: &str) -> Result<[u8; N], Error> {
        self.reserve(N as u64, field)?;
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// The next 32-bit unsigned integer.
    pub(crate) fn u32(&mut self, field: &str) -> Result<u32, Error> {
        Ok(u32::from_le_bytes(self.array(field)?))
    }

    /// The next 64-bit unsigned integer.
    pub(crate) fn u64(&mut self, field: &str) -> Result<u64, Error> {
        Ok(u64::from_le_bytes(self.array(field)?))
    }

    /// The next 64-bit count of items that take at least `least` bytes each.
    pub(crate) fn count(&mut self, least: u64, field: &str) -> Result<u64, Error> {
        let count = self.u64(field)?;
        self.reserve(count.saturating_mul(least), field)?;
        Ok(count)
    }

    /// The next text: its length in bytes, then UTF-8.
    pub(crate) fn string(&mut self, field: &str) -> Result<String, Error> {
        let length = self.count(1, field)?;
        let length = usize::try_from(length).map_err(|_| self.truncated(length, field))?;
        let mut bytes = vec![0; length];
        self.fill(&mut bytes)?;
        String::from_utf8(bytes).map_err(|_| self.malformed(field, "is not UTF-8".into()))
    }

    /// The next metadata value: its type's number, then the value.
    pub(crate) fn value(&mut self, key: &str) -> Result<Value, Error> {
        Ok(match self.u32(key)? {
            0 => Value::Unsigned(self.unsigned::<1>(key)?),
            1 => Value::Signed(self.signed::<1>(key)?),
            2 => Value::Unsigned(self.unsigned::<2>(key)?),
            3 => Value::Signed(self.signed::<2>(key)?),
            4 => Value::Unsigned(self.unsigned::<4>(key)?),
            5 => Value::Signed(self.signed::<4>(key)?),
            6 => Value::F32(self.f32(key)?),
            7 => Value::Bool(self.bool(key)?),
            8 => Value::String(self.string(key)?),
            9 => Value::Array(self.list(key)?),
            10 => Value::Unsigned(self.unsigned::<8>(key)?),
            11 => Value::Signed(self.signed::<8>(key)?),
            12 => Value::F64(self.f64(key)?),
            code => return Err(self.malformed(key, format!("has unknown value type {code}"))),
        })
    }

    /// The next list: its items' type, their number, then the items.
    fn list(&mut self, key: &str) -> Result<Array, Error> {
        Ok(match self.u32(key)? {
            0 => Array::Unsigned(self.items(1, key, Self::unsigned::<1>)?),
            1 => Array::Signed(self.items(1, key, Self::signed::<1>)?),
            2 => Array::Unsigned(self.items(2, key, Self::unsigned::<2>)?),
            3 => Array::Signed(self.items(2, key, Self::signed::<2>)?),
            4 => Array::Unsigned(self.items(4, key, Self::unsigned::<4>)?),
            5 => Array::Signed(self.items(4, key, Self::signed::<4>)?),
            6 => Array::F32(self.items(4, key, Self::f32)?),
            7 => Array::Bool(self.items(1, key, Self::bool)?),
            8 => Array::String(self.items(8, key, Self::string)?),
            10 => Array::Unsigned(self.items(8, key, Self::unsigned::<8>)?),
            11 => Array::Signed(self.items(8, key, Self::signed::<8>)?),
            12 => Array::F64(self.items(8, key, Self::f64)?),
            9 => return Err(self.malformed(key, "is a list of lists, which is not read".into())),
            code => return Err(self.malformed(key, format!("has unknown item type {code}"))),
        })
    }

    /// A count, then as many items of at least `least` bytes. The list grows
    /// as the items come, so that a count alone allocates nothing.
    fn items<T>(
        &mut self,
        least: u64,
        key: &str,
        read: impl Fn(&mut Self, &str) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        let count = self.count(least, key)?;
        (0..count).map(|_| read(self, key)).collect()
    }

    fn unsigned<const N: usize>(&mut self, key: &str) -> Result<u64, Error> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>(key)?);
        Ok(u64::from_le_bytes(wide))
    }

    fn signed<const N: usize>(&mut self, key: &str) -> Result<i64, Error> {
        // Up to the top and back down again: the shift down repeats the sign.
        let shift = 64 - 8 * N as u32;
        Ok((self.unsigned::<N>(key)? << shift).cast_signed() >> shift)
    }

    fn f32(&mut self, key: &str) -> Result<f32, Error> {
        Ok(f32::from_le_bytes(self.array(key)?))
    }

    fn f64(&mut self, key: &str) -> Result<f64, Error> {
        Ok(f64::from_le_bytes(self.array(key)?))
    }

    fn bool(&mut self, key: &str) -> Result<bool, Error> {
        match self.array(key)? {
            [0] => Ok(false),
            [1] => Ok(true),
            [byte] => Err(self.malformed(key, format!("is {byte}, not a truth value"))),
        }
    }

    /// Refuses to go on where fewer than `needed` bytes are left.
    fn reserve(&self, needed: u64, field: &str) -> Result<(), Error> {
        if needed > self.length - self.position {
            return Err(self.truncated(needed, field));
        }
        Ok(())
    }

    fn fill(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.input
            .read_exact(bytes)
            .map_err(|source| Error::Read { path: self.path.to_owned(), source })?;
        self.position += bytes.len() as u64;
        Ok(())
    }

    fn truncated(&self, needed: u64, field: &str) -> Error {
        let left = self.length - self.position;
        Error::Truncated { path: self.path.to_owned(), field: field.to_owned(), needed, left }
    }

    /// The error for a field of this file that contradicts the format.
    pub(crate) fn malformed(&self, field: &str, problem: String) -> Error {
        Error::Malformed { path: self.path.to_owned(), field: field.to_owned(), problem }
    }
}
