//! Values packed small, since a write is billed by the kilobyte: deflated JSON.

use super::{Item, StoreError};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use flate2::{Compression, read::DeflateDecoder, write::DeflateEncoder};
use serde::{Serialize, de::DeserializeOwned};
use std::io::{Read, Write};

/// No item unpacks to more: its attribute of 400 KB at most would be a crafted one.
const LONGEST: u64 = 16 << 20;

/// A value, packed.
pub(super) fn to_packed_json<T: Serialize>(value: &T) -> Result<AttributeValue, StoreError> {
    let unreadable = |error: String| StoreError::Unreadable(error);
    let json = serde_json::to_vec(value).map_err(|e| unreadable(e.to_string()))?;
    let mut packed = DeflateEncoder::new(Vec::new(), Compression::default());
    let packed = packed.write_all(&json).and_then(|()| packed.finish());
    let packed = packed.map_err(|e| unreadable(e.to_string()))?;
    Ok(AttributeValue::B(Blob::new(packed)))
}

/// The value that a packed attribute holds.
pub(super) fn from_packed_json<T: DeserializeOwned>(
    item: &Item,
    name: &str,
) -> Result<T, StoreError> {
    let unreadable = |error: String| StoreError::Unreadable(format!("{name}: {error}"));
    let packed = item.get(name).and_then(|value| value.as_b().ok());
    let packed = packed.ok_or_else(|| unreadable("it is missing".to_owned()))?;
    let mut json = Vec::new();
    let mut unpacked = DeflateDecoder::new(packed.as_ref()).take(LONGEST);
    let read = unpacked.read_to_end(&mut json);
    read.map_err(|e| unreadable(e.to_string()))?;
    serde_json::from_slice(&json).map_err(|e| unreadable(e.to_string()))
}
