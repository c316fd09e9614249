//! `multipart/form-data` (RFC 7578): the parts of a form with files. A file's content is dropped.

use futures::{FutureExt as _, stream};
use serde_json::{Value, json};

/// A part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    /// A file's name, its content type and its size in bytes.
    File(String, Option<String>, usize),
}

impl Part {
    /// Its name and its text; none for a file.
    pub(crate) fn text(self) -> Option<(String, String)> {
        match self.content {
            Content::Text(text) => Some((self.name, text)),
            Content::File(..) => None,
        }
    }

    /// Its value as JSON: a text, or what is known of a file.
    pub(crate) fn value(self) -> (String, Value) {
        let value = match self.content {
            Content::Text(text) => text.into(),
            Content::File(file, content_type, bytes) => {
                json!({ "file": file, "content_type": content_type, "bytes": bytes })
            }
        };
        (self.name, value)
    }
}

/// A body says that it is multipart, and is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Malformed;

/// The parts of a body; none if its content type is not `multipart/form-data`.
pub(crate) fn parts(body: &[u8], content_type: Option<&str>) -> Option<Result<Vec<Part>, Malformed>> {
    let content_type = content_type?;
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let Ok(boundary) = multer::parse_boundary(content_type) else { return Some(Err(Malformed)) };
    // The whole body is there, so the parser never waits.
    Some(read(body.to_vec(), boundary).now_or_never().unwrap_or(Err(Malformed)))
}

async fn read(body: Vec<u8>, boundary: String) -> Result<Vec<Part>, Malformed> {
    let body = stream::iter([Ok::<_, std::convert::Infallible>(body)]);
    let mut form = multer::Multipart::new(body, boundary);
    let mut parts = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|_error| Malformed)? {
        let name = field.name().unwrap_or_default().to_owned();
        let file = field.file_name().map(str::to_owned);
        let content_type = field.content_type().map(ToString::to_string);
        let bytes = field.bytes().await.map_err(|_error| Malformed)?;
        let content = match (file, std::str::from_utf8(&bytes)) {
            (None, Ok(text)) => Content::Text(text.to_owned()),
            (file, _) => Content::File(file.unwrap_or_default(), content_type, bytes.len()),
        };
        // A browser sends an empty file for a field in which none was chosen.
        if content != Content::File(String::new(), Some("application/octet-stream".to_owned()), 0) {
            parts.push(Part { name, content });
        }
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Option<&str> = Some("multipart/form-data; boundary=x");

    fn values(body: &[u8], content_type: Option<&str>) -> Option<Result<Vec<(String, Value)>, Malformed>> {
        Some(parts(body, content_type)?.map(|parts| parts.into_iter().map(Part::value).collect()))
    }

    /// F9 of the field faults.
    #[test]
    fn texts_are_read_and_files_are_named_and_dropped() {
        let body = b"--x\r\nContent-Disposition: form-data; name=\"name\"\r\n\r\nJane Citizen\r\n\
            --x\r\nContent-Disposition: form-data; name=\"id\"; filename=\"passport.pdf\"\r\nContent-Type: application/pdf\r\n\r\n\
            %PDF\xff\r\n\
            --x\r\nContent-Disposition: form-data; name=\"none\"; filename=\"\"\r\nContent-Type: application/octet-stream\r\n\r\n\r\n\
            --x\r\nContent-Disposition: form-data; name=\"odd\"\r\n\r\n\xff\r\n--x--\r\n";
        let file = json!({ "file": "passport.pdf", "content_type": "application/pdf", "bytes": 5 });
        let odd = json!({ "file": "", "content_type": null, "bytes": 1 });
        let expected = [("name", json!("Jane Citizen")), ("id", file), ("odd", odd)];
        let expected = expected.map(|(name, value)| (name.to_owned(), value)).to_vec();
        assert_eq!(values(body, KIND), Some(Ok(expected)));
        assert_eq!(
            values(body, Some("multipart/FORM-data; boundary=\"x\"; charset=utf-8")).unwrap().unwrap().len(),
            3
        );
    }

    #[test]
    fn what_is_cut_off_or_has_no_boundary_is_malformed_and_other_bodies_are_not_multipart() {
        let whole = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--x--\r\n";
        assert!(parts(whole, KIND).unwrap().is_ok());
        for length in 0..whole.len() - 4 {
            assert_eq!(parts(whole.get(..length).unwrap(), KIND), Some(Err(Malformed)), "{length}");
        }
        assert_eq!(parts(whole, Some("multipart/form-data")), Some(Err(Malformed)));
        assert_eq!(parts(b"--x--\r\n", KIND), Some(Ok(vec![])));
        assert_eq!(parts(b"a=b", Some("application/x-www-form-urlencoded")), None);
        assert_eq!(parts(b"a=b", None), None);
    }
}
