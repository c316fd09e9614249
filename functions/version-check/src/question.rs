//! What a version is asked, and what it has to respond.

use automations::serde_json::{self, Value, json};

/// A request that every working version responds to in the same way, and that changes nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Question {
    /// A webhook of an organisation that does not exist. 401, and not 503, shows that the list of organisations was read.
    UnknownOrganisation,
    /// A batch without messages: the function has its configuration, and could create its clients.
    EmptyBatch,
}

impl Question {
    /// What a function is asked; nothing if it has no alias, so that no version of it waits for traffic.
    pub(crate) fn to(function: &str) -> Option<Self> {
        match function {
            "webhook-ingest" => Some(Self::UnknownOrganisation),
            "event-enricher" | "action-worker" => Some(Self::EmptyBatch),
            _ => None,
        }
    }

    /// The event that Lambda delivers.
    ///
    /// Source: Lambda's developer guide, "Creating and managing Lambda function URLs" (payload format 2.0) and "Using Lambda with
    /// Amazon SQS".
    pub(crate) fn event(self) -> Value {
        match self {
            Self::UnknownOrganisation => json!({
                "version": "2.0", "routeKey": "$default", "rawPath": PATH, "rawQueryString": "",
                "headers": { "content-type": "application/json", "user-agent": "version-check" },
                "requestContext": {
                    "accountId": "anonymous", "apiId": "version-check", "domainName": "version-check",
                    "domainPrefix": "version-check",
                    "http": { "method": "POST", "path": PATH, "protocol": "HTTP/1.1", "sourceIp": "127.0.0.1",
                        "userAgent": "version-check" },
                    "requestId": "version-check", "routeKey": "$default", "stage": "$default",
                    "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": 1_767_225_600_000_u64
                },
                "body": r#"{"id": "version-check"}"#, "isBase64Encoded": false
            }),
            Self::EmptyBatch => json!({ "Records": [] }),
        }
    }

    /// What was seen in the response: `Err` if it is not as it should be.
    pub(crate) fn judge(self, response: &[u8]) -> Result<&'static str, String> {
        let response: Value = serde_json::from_slice(response)
            .map_err(|_invalid| "responds with something else than JSON".to_owned())?;
        match self {
            Self::UnknownOrganisation => match response.get("statusCode").and_then(Value::as_u64) {
                Some(401) => Ok("rejects an organisation that does not exist, with 401"),
                Some(status) => {
                    Err(format!("responds {status} for an organisation that does not exist, and not 401"))
                }
                None => Err("responds without a statusCode".to_owned()),
            },
            Self::EmptyBatch => match response.get("batchItemFailures").and_then(Value::as_array) {
                Some(failures) if failures.is_empty() => Ok("accepts an empty batch"),
                Some(failures) => Err(format!("returns {} messages of an empty batch", failures.len())),
                None => Err("responds without batchItemFailures".to_owned()),
            },
        }
    }
}

const PATH: &str = "/hooks/version-check/ticket-updated/0";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_to_reject_an_organisation_that_does_not_exist() {
        let judge = |response: &str| Question::UnknownOrganisation.judge(response.as_bytes()).is_ok();
        assert!(judge(r#"{"statusCode":401}"#));
        for wrong in [r#"{"statusCode":503}"#, r#"{"statusCode":202}"#, r#"{"statusCode":"401"}"#, "null", ""]
        {
            assert!(!judge(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_version_has_to_accept_an_empty_batch() {
        let judge = |response: &str| Question::EmptyBatch.judge(response.as_bytes()).is_ok();
        assert!(judge(r#"{"batchItemFailures":[]}"#));
        for wrong in [r#"{"batchItemFailures":[{"itemIdentifier":"m"}]}"#, "{}", "null", ""] {
            assert!(!judge(wrong), "{wrong}");
        }
    }
}
