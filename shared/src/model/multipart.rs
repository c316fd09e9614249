//! `multipart/form-data` (RFC 7578): the parts of a form with files. A file's content is dropped.

use futures::{FutureExt as _, stream};

/// A part of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) name: String,
    content: Content,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Content {
    Text(String),
    File,
}

impl Part {
    /// Its name and its text; none for a file.
    pub(crate) fn text(self) -> Option<(String, String)> {
        match self.content {
            Content::Text(text) => Some((self.name, text)),
            Content::File => None,
        }
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
        let is_file = field.file_name().is_some();
        let bytes = field.bytes().await.map_err(|_error| Malformed)?;
        let content = match (is_file, std::str::from_utf8(&bytes)) {
            (false, Ok(text)) => Content::Text(text.to_owned()),
            (true | false, _) => Content::File,
        };
        parts.push(Part { name, content });
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: Option<&str> = Some("multipart/form-data; boundary=x");

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
