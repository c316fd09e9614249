//! JSON as the CBOR of the Smithy RPC v2 protocol, which `CloudWatch` speaks.

use aws_smithy_cbor::Encoder;
use aws_smithy_types::DateTime;
use serde_json::Value;

/// A JSON object as CBOR. `{"$seconds": 5}` is a timestamp, as JSON has none.
pub(super) fn of_json(json: &str) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::new());
    write(&mut encoder, &serde_json::from_str(json).unwrap());
    encoder.into_writer()
}

fn write(encoder: &mut Encoder, value: &Value) {
    match value {
        Value::Null => drop(encoder.null()),
        Value::Bool(is) => drop(encoder.boolean(*is)),
        Value::Number(number) => drop(encoder.double(number.as_f64().unwrap())),
        Value::String(text) => drop(encoder.str(text)),
        Value::Array(items) => {
            encoder.array(items.len());
            for item in items {
                write(encoder, item);
            }
        }
        Value::Object(fields) => {
            if let Some(seconds) = fields.get("$seconds").and_then(Value::as_i64) {
                encoder.timestamp(&DateTime::from_secs(seconds));
                return;
            }
            encoder.map(fields.len());
            for (name, field) in fields {
                encoder.str(name);
                write(encoder, field);
            }
        }
    }
}
