//! Attributes as a JSON object, in the order in which they were written.

use domain::{Attributes, Invalid};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use utoipa::openapi::schema::{AdditionalProperties, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Object, RefOr};
use utoipa::{PartialSchema, ToSchema};

/// Names and values, unchecked: a bad pair costs one contact, not the whole request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeMap(Vec<(String, String)>);

impl AttributeMap {
    /// Name and value of each, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The checked attributes.
    pub fn checked(self) -> Result<Attributes, Invalid> {
        let mut attributes = Attributes::default();
        for (name, value) in &self.0 {
            attributes.add(name, value)?;
        }
        Ok(attributes)
    }
}

impl From<&Attributes> for AttributeMap {
    fn from(attributes: &Attributes) -> Self {
        Self(attributes.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}

impl Serialize for AttributeMap {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(name, value)| (name, value)))
    }
}

impl<'de> Deserialize<'de> for AttributeMap {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Pairs;
        impl<'de> Visitor<'de> for Pairs {
            type Value = AttributeMap;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of attribute names and texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<AttributeMap, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(AttributeMap(pairs))
            }
        }
        deserializer.deserialize_map(Pairs)
    }
}

impl PartialSchema for AttributeMap {
    fn schema() -> RefOr<Schema> {
        let text = RefOr::T(Schema::Object(Object::with_type(Type::String)));
        ObjectBuilder::new()
            .description(Some(
                "Attribute names (letters, digits and _, at most 64) and their texts (at most 1024 bytes)",
            ))
            .additional_properties(Some(AdditionalProperties::RefOr(text)))
            .examples([serde_json::json!({"NAME": "Ada", "CITY": "London"})])
            .into()
    }
}

impl ToSchema for AttributeMap {
    fn name() -> std::borrow::Cow<'static, str> {
        "Attributes".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_pairs_survives() {
        let text = r#"{"Z":"1","A":"2","M":"3"}"#;
        let map: AttributeMap = serde_json::from_str(text).unwrap();
        let attributes = map.checked().unwrap();
        assert_eq!(serde_json::to_string(&AttributeMap::from(&attributes)).unwrap(), text);
    }

    #[test]
    fn a_name_given_twice_is_refused() {
        let map: AttributeMap = serde_json::from_str(r#"{"A":"1","A":"2"}"#).unwrap();
        assert_eq!(map.checked().unwrap_err().field, "A");
    }
}
