//! Canonical bytes of a state: the same value gives the same bytes on every platform.
//!
//! Layout, by serde data model: integers big-endian at their full width; `f64` as its big-endian
//! bits after −0 → 0, NaN refused; `bool`, `Option` and enum variants as a tag (`u8`, `u8`, `u32`);
//! text, bytes, sequences and maps as a `u64` count, then the elements in iteration order (ordered
//! collections only); structs and tuples as their fields in order. Names are not written: the fold
//! edition stands for them.

use serde::ser::{self, Serialize};

/// The canonical bytes of `value`.
///
/// # Panics
/// On a NaN or a sequence of unknown length: a fold may not keep either.
pub fn canonical_bytes(value: &impl Serialize) -> Vec<u8> {
    let mut writer = Writer(Vec::new());
    value.serialize(&mut writer).expect("canonical bytes can be written for every fold state");
    writer.0
}

struct Writer(Vec<u8>);

impl Writer {
    fn count(&mut self, count: usize) {
        self.0.extend_from_slice(&(count as u64).to_be_bytes());
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unwritable(String);

impl ser::Error for Unwritable {
    fn custom<T: std::fmt::Display>(message: T) -> Self {
        Self(message.to_string())
    }
}

macro_rules! integers {
    ($($method:ident $type:ty),*) => {$(
        fn $method(self, value: $type) -> Result<(), Unwritable> {
            self.0.extend_from_slice(&value.to_be_bytes());
            Ok(())
        }
    )*};
}

impl ser::Serializer for &mut Writer {
    type Ok = ();
    type Error = Unwritable;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    integers!(
        serialize_i8 i8, serialize_i16 i16, serialize_i32 i32, serialize_i64 i64, serialize_i128 i128,
        serialize_u8 u8, serialize_u16 u16, serialize_u32 u32, serialize_u64 u64, serialize_u128 u128
    );

    fn serialize_bool(self, value: bool) -> Result<(), Unwritable> {
        self.serialize_u8(u8::from(value))
    }

    fn serialize_f32(self, value: f32) -> Result<(), Unwritable> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Unwritable> {
        assert!(!value.is_nan(), "a fold state holds no NaN");
        let value = if value == 0.0 { 0.0 } else { value };
        self.serialize_u64(value.to_bits())
    }

    fn serialize_char(self, value: char) -> Result<(), Unwritable> {
        self.serialize_u32(u32::from(value))
    }

    fn serialize_str(self, value: &str) -> Result<(), Unwritable> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Unwritable> {
        self.count(value.len());
        self.0.extend_from_slice(value);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Unwritable> {
        self.serialize_u8(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Unwritable> {
        self.0.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Unwritable> {
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Unwritable> {
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
    ) -> Result<(), Unwritable> {
        self.serialize_u32(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Unwritable> {
        self.0.extend_from_slice(&variant.to_be_bytes());
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<Self, Unwritable> {
        self.count(len.expect("sequences in fold states know their length"));
        Ok(self)
    }

    fn serialize_tuple(self, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unwritable> {
        self.0.extend_from_slice(&variant.to_be_bytes());
        Ok(self)
    }

    fn serialize_map(self, len: Option<usize>) -> Result<Self, Unwritable> {
        self.count(len.expect("maps in fold states know their length"));
        Ok(self)
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Unwritable> {
        Ok(self)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        variant: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self, Unwritable> {
        self.0.extend_from_slice(&variant.to_be_bytes());
        Ok(self)
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! compound {
    ($($trait:ident $method:ident $(($name:ty))?),* $(,)?) => {$(
        impl ser::$trait for &mut Writer {
            type Ok = ();
            type Error = Unwritable;

            fn $method<T: Serialize + ?Sized>(
                &mut self,
                $(_: $name,)?
                value: &T,
            ) -> Result<(), Unwritable> {
                value.serialize(&mut **self)
            }

            fn end(self) -> Result<(), Unwritable> {
                Ok(())
            }
        }
    )*};
}

compound!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field,
    SerializeStruct serialize_field (&'static str),
    SerializeStructVariant serialize_field (&'static str),
);

impl ser::SerializeMap for &mut Writer {
    type Ok = ();
    type Error = Unwritable;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Unwritable> {
        key.serialize(&mut **self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Unwritable> {
        value.serialize(&mut **self)
    }

    fn end(self) -> Result<(), Unwritable> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn layout_is_as_drawn() {
        #[derive(serde::Serialize)]
        struct Sample {
            number: u16,
            zero: f64,
            text: &'static str,
            list: Vec<u8>,
            map: BTreeMap<u8, bool>,
            some: Option<i8>,
            none: Option<i8>,
        }
        let sample = Sample {
            number: 0x0102,
            zero: -0.0,
            text: "a",
            list: vec![7, 8],
            map: BTreeMap::from([(2, true), (1, false)]),
            some: Some(-1),
            none: None,
        };
        let mut expect = vec![1, 2];
        expect.extend([0; 8]);
        expect.extend([0, 0, 0, 0, 0, 0, 0, 1, b'a']);
        expect.extend([0, 0, 0, 0, 0, 0, 0, 2, 7, 8]);
        expect.extend([0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 2, 1]);
        expect.extend([1, 255, 0]);
        assert_eq!(canonical_bytes(&sample), expect);
    }

    #[test]
    #[should_panic(expected = "no NaN")]
    fn nan_is_our_own_fault() {
        canonical_bytes(&f64::NAN);
    }
}
