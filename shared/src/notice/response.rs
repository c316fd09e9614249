//! What a destination's response means. Success is what the destination's format documents.

use super::{Error, Format, send_error};
use crate::id::DestinationName;
use reqwest::{Response, StatusCode, header};
use std::time::Duration;

/// Of a body, at most this many bytes are read.
const MAX_BODY: usize = 4096;

/// Whether the destination accepted the notice.
///
/// # Errors
/// [`Error`] if it did not.
pub(super) async fn check(
    response: Response,
    format: Format,
    destination: &DestinationName,
) -> Result<(), Error> {
    let status = response.status();
    let after = || {
        let text = response.headers().get(header::RETRY_AFTER)?.to_str().ok()?;
        text.parse().ok().map(Duration::from_secs)
    };
    match status {
        StatusCode::OK if format == Format::Teams => check_teams(&beginning(response).await?),
        _ if status.is_success() => Ok(()),
        StatusCode::TOO_MANY_REQUESTS => Err(Error::Throttled { after: after() }),
        StatusCode::REQUEST_TIMEOUT => Err(Error::Unavailable { why: "HTTP status 408" }),
        _ if status.is_server_error() => Err(Error::Unavailable { why: "HTTP status 5xx" }),
        _ => Err(Error::Rejected { destination: destination.clone(), status: status.as_u16() }),
    }
}

/// A workflow of Teams responds with 202. A connector responds with 200 whatever happened, and success is a number: of the
/// messages that were posted. Anything else is the failure as a sentence, such as "… returned HTTP error 429 …" (MicrosoftDocs/msteams-docs,
/// issues 1810 and 9698). A workflow of the brokerage's own may end with 200 and no body.
fn check_teams(body: &str) -> Result<(), Error> {
    let body = body.trim();
    if body.bytes().all(|byte| byte.is_ascii_digit()) {
        Ok(())
    } else if body.contains("HTTP error 429") {
        Err(Error::Throttled { after: None })
    } else {
        Err(Error::Unavailable { why: "HTTP status 200 with a text that is not one of success" })
    }
}

/// The first bytes of a body, as text.
async fn beginning(mut response: Response) -> Result<String, Error> {
    let mut bytes = Vec::new();
    while bytes.len() < MAX_BODY {
        match response.chunk().await.map_err(|error| send_error(&error))? {
            Some(chunk) => bytes.extend_from_slice(&chunk),
            None => break,
        }
    }
    bytes.truncate(MAX_BODY);
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::{Failure as _, Remedy};

    async fn checked_as(format: Format, status: u16, body: &'static str) -> Result<(), Remedy> {
        let response = lambda_http::http::Response::builder().status(status).body(body).unwrap();
        let destination = DestinationName::parse("team").unwrap();
        check(response.into(), format, &destination).await.map_err(|error| error.remedy())
    }

    async fn checked(status: u16, after: Option<&str>) -> Result<(), Remedy> {
        let mut response = lambda_http::http::Response::builder().status(status);
        if let Some(after) = after {
            response = response.header("retry-after", after);
        }
        let response = response.body("").unwrap().into();
        let destination = DestinationName::parse("team").unwrap();
        check(response, Format::Standard, &destination).await.map_err(|error| error.remedy())
    }

    #[tokio::test]
    async fn a_response_says_whether_to_retry() {
        assert!(checked(200, None).await.is_ok() && checked(204, None).await.is_ok());
        for status in [301, 400, 401, 404, 410] {
            assert_eq!(checked(status, None).await, Err(Remedy::DeadLetter), "{status}");
        }
        for status in [408, 500, 502, 503] {
            assert_eq!(checked(status, None).await, Err(Remedy::Retry { after: None }), "{status}");
        }
        let after = Some(Duration::from_secs(7));
        assert_eq!(checked(429, Some("7")).await, Err(Remedy::Wait { after }));
        assert_eq!(checked(429, Some("soon")).await, Err(Remedy::Wait { after: None }));
    }

    /// F11 of the field faults.
    #[tokio::test]
    async fn a_teams_destination_that_says_no_with_status_200_is_retried() {
        const THROTTLED: &str = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 429 \
                                 with ContextId tcid=0,server=x,cv=y..";
        const TOO_LARGE: &str = "Webhook message delivery failed with error: Microsoft Teams endpoint returned HTTP error 413 \
                                 with ContextId tcid=0,server=x,cv=y..";
        assert_eq!(checked_as(Format::Teams, 200, THROTTLED).await, Err(Remedy::Wait { after: None }));
        for body in
            [TOO_LARGE, "Bad payload received by generic incoming webhook.", "<html>sign in</html>", "{}"]
        {
            assert_eq!(
                checked_as(Format::Teams, 200, body).await,
                Err(Remedy::Retry { after: None }),
                "{body}"
            );
        }
        for (status, body) in [(202, ""), (202, "anything"), (200, "1"), (200, " 1\n"), (200, "")] {
            assert_eq!(checked_as(Format::Teams, status, body).await, Ok(()), "{status} {body}");
        }
        for format in [Format::Standard, Format::Slack] {
            assert_eq!(checked_as(format, 200, THROTTLED).await, Ok(()), "its format does not document it");
        }
    }

    #[tokio::test]
    async fn of_a_long_body_only_the_beginning_is_read() {
        let long: &'static str = "1".repeat(MAX_BODY * 4).leak();
        let response = lambda_http::http::Response::builder().body(long).unwrap();
        assert_eq!(beginning(response.into()).await.unwrap().len(), MAX_BODY);
    }
}
