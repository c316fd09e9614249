use super::*;
use proptest::prelude::*;

const FORM: Option<&str> = Some("application/x-www-form-urlencoded; charset=UTF-8");
const JSON: Option<&str> = Some("application/json");

fn text(fields: &Fields, name: &str) -> Option<String> {
    fields.text(name).map(|text| text.reveal().clone())
}

#[test]
fn a_form_and_a_json_object_say_the_same() {
    let form = Fields::read("name= Jane+Citizen &n=7&tag=a&tag=b&tag=c&none=".as_bytes(), FORM).unwrap();
    let json = br#"{"name": "Jane Citizen", "n": 7, "tag": ["a", "b", "c"], "none": null, "deep": {"x": 1}}"#;
    let marked = Fields::read(&[b"\xef\xbb\xbf", &json[..]].concat(), JSON).unwrap();
    for fields in [form, Fields::read(json, JSON).unwrap(), Fields::read(json, None).unwrap(), marked] {
        assert_eq!(text(&fields, "name").unwrap(), "Jane Citizen");
        assert_eq!(text(&fields, "n").unwrap(), "7");
        assert_eq!(text(&fields, "tag").unwrap(), "a");
        assert_eq!(**fields.value("tag").unwrap().reveal(), serde_json::json!(["a", "b", "c"]));
        for absent in ["none", "nowhere", "deep"] {
            assert_eq!(text(&fields, absent), None, "{absent}");
        }
    }
}

#[test]
fn what_holds_no_fields_is_unreadable() {
    let deep = format!(r#"{{"a": {}{}}}"#, "[".repeat(40), "]".repeat(40));
    let many = format!("[{}]", ["{}"; 2].join(","));
    for body in [
        "",
        "[]",
        "[1]",
        "[[{}]]",
        "7",
        "null",
        "{",
        "hello",
        "{\"a\": 1e999}",
        &deep,
        &many,
        &"[".repeat(100_000),
    ] {
        assert_eq!(Fields::read(body.as_bytes(), JSON).unwrap_err(), Unreadable::NoFields, "{body:.40}");
    }
    for (body, kind) in [(&b""[..], FORM), (b"&&", FORM), (b"a=\xff", FORM), (b"\xff", None)] {
        assert_eq!(Fields::read(body, kind).unwrap_err(), Unreadable::NoFields);
    }
    let multipart = Fields::read(b"--x\r\n", Some("multipart/form-data; boundary=x"));
    assert_eq!(multipart.unwrap_err(), Unreadable::NoFields);
}

#[test]
fn what_is_too_large_as_it_came_or_as_json_is_told() {
    let body = |length: usize| format!("a={}", "x".repeat(length)).into_bytes();
    assert!(Fields::read(&body(MAX_FIELDS - 20), FORM).is_ok());
    assert_eq!(Fields::read(&body(MAX_FIELDS), FORM).unwrap_err(), Unreadable::TooLarge);
    let grows = format!("a={}", "\u{1}".repeat(MAX_FIELDS / 2));
    assert_eq!(Fields::read(grows.as_bytes(), FORM).unwrap_err(), Unreadable::TooLarge);
}

/// F9 of the field faults.
#[test]
fn a_multipart_form_with_a_large_file_has_its_texts_and_what_the_file_was() {
    let part = |header: &str, content: &str| {
        format!("--x\r\nContent-Disposition: form-data; {header}\r\n\r\n{content}\r\n")
    };
    let body = [
        part("name=\"name\"", "Jane Citizen"),
        part("name=\"tag\"", "a"),
        part("name=\"tag\"", "b"),
        part("name=\"id\"; filename=\"passport.pdf\"", &"x".repeat(2 * MAX_FIELDS)),
        "--x--\r\n".to_owned(),
    ];
    let multipart = Some("multipart/form-data; boundary=x");
    let fields = Fields::read(body.concat().as_bytes(), multipart).unwrap();
    assert_eq!(text(&fields, "name").unwrap(), "Jane Citizen");
    assert_eq!(**fields.value("tag").unwrap().reveal(), serde_json::json!(["a", "b"]));
    let file = serde_json::json!({ "file": "passport.pdf", "content_type": null, "bytes": 2 * MAX_FIELDS });
    assert_eq!((*fields.value("id").unwrap().reveal(), text(&fields, "id")), (&file, None));
    let large = [part("name=\"a\"", &"x".repeat(MAX_FIELDS)), "--x--\r\n".to_owned()];
    assert_eq!(Fields::read(large.concat().as_bytes(), multipart).unwrap_err(), Unreadable::TooLarge);
}

fn read_all(body: &str, identity: Identity<'_>) -> Vec<InboundRequest> {
    InboundRequest::read_all(body.as_bytes(), JSON, identity).unwrap()
}

#[test]
fn each_object_of_an_array_is_an_event_of_its_own_and_the_whole_is_recognised() {
    let body = r#"[{"a": 1}, {"a": 1}, {"a": 2}]"#;
    let digests =
        |identity| -> Vec<_> { read_all(body, identity).into_iter().map(|request| request.digest).collect() };
    for identity in [Identity::Content, Identity::Id(b"m-1"), Identity::Unique("r-1")] {
        let all = digests(identity);
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!((all.len(), distinct.len()), (3, 3), "equal objects are two events");
        assert_eq!(digests(identity), all);
    }
    assert_ne!(digests(Identity::Id(b"m-1")), digests(Identity::Id(b"m-2")));
    let many = |count| format!("[{}]", vec!["{}"; count].join(","));
    assert_eq!(read_all(&many(MAX_EVENTS), Identity::Content).len(), MAX_EVENTS);
    let too_many = InboundRequest::read_all(many(MAX_EVENTS + 1).as_bytes(), JSON, Identity::Content);
    assert_eq!(too_many.unwrap_err(), Unreadable::TooLarge);
}

/// F7 of the field faults: Stripe's and Slack's ids are in the body.
#[test]
fn an_id_that_a_known_sender_puts_into_the_body_is_its_id() {
    let digest = |body: &str, identity| read_all(body, identity).remove(0).digest;
    let stripe = |id: &str, at: u32| format!(r#"{{"id": "{id}", "object": "event", "at": {at}}}"#);
    let slack =
        |id: &str, at: u32| format!(r#"{{"event_id": "{id}", "type": "event_callback", "at": {at}}}"#);
    for body in [stripe, slack] {
        for identity in [Identity::Content, Identity::Unique("r-1")] {
            assert_eq!(digest(&body("evt_1", 1), identity), digest(&body("evt_1", 2), identity));
            assert_ne!(digest(&body("evt_1", 1), identity), digest(&body("evt_2", 1), identity));
            assert!(read_all(&body("evt_1", 1), identity).remove(0).has_id);
        }
    }
    let other = r#"{"id": "evt_1", "object": "charge"}"#;
    assert!(!read_all(other, Identity::Content).remove(0).has_id);
}

/// F8 of the field faults.
#[test]
fn without_an_id_the_same_body_is_a_repetition_or_not_as_declared() {
    let digest = |identity| read_all(r#"{"a": 1}"#, identity).remove(0).digest;
    assert_eq!(digest(Identity::Content), digest(Identity::Content));
    assert_ne!(digest(Identity::Unique("r-1")), digest(Identity::Unique("r-2")));
    assert_eq!(digest(Identity::Unique("r-1")), digest(Identity::Unique("r-1")), "a retry of the hint");
}

#[test]
fn the_same_post_has_the_same_digest_by_its_id_or_its_body() {
    let request = |body: &str, id: Option<&[u8]>| {
        let identity = id.map_or(Identity::Content, Identity::Id);
        InboundRequest::read_all(body.as_bytes(), FORM, identity).unwrap().remove(0)
    };
    assert_eq!(request("a=1", None).digest, request("a=1", None).digest);
    assert_ne!(request("a=1", None).digest, request("a=2", None).digest);
    assert_eq!(request("a=1", Some(b"m-1")).digest, request("a=2", Some(b"m-1")).digest);
    assert_ne!(request("a=1", Some(b"m-1")).digest, request("a=1", Some(b"m-2")).digest);
    assert!(request("a=1", Some(b"m-1")).is_same_for() > request("a=1", None).is_same_for());
}

proptest! {
    #[test]
    fn any_bytes_are_fields_that_survive_the_wire_or_unreadable(body: Vec<u8>, is_form: bool) {
        if let Ok(fields) = Fields::read(&body, if is_form { FORM } else { JSON }) {
            let again: Fields = crate::json::from_json(crate::json::to_json(&fields).as_bytes()).unwrap();
            prop_assert_eq!(again, fields);
        }
    }

    #[test]
    fn a_forms_fields_are_found_by_name(pairs in proptest::collection::btree_map("[a-z]{1,8}", "[!-~]{1,20}", 1..8)) {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&pairs).finish();
        let fields = Fields::read(body.as_bytes(), FORM).unwrap();
        for (name, value) in &pairs {
            prop_assert_eq!(&text(&fields, name).unwrap(), value);
        }
    }
}

#[test]
fn a_request_is_found_by_the_id_of_its_sender_as_one_event_or_as_many() {
    let digests = digests_of_id("m-1");
    let one = read_all(r#"{"a": 1}"#, Identity::Id(b"m-1"));
    assert_eq!(one[0].digest, digests[0]);
    let two = read_all(r#"[{"a": 1}, {"a": 2}]"#, Identity::Id(b"m-1"));
    assert_eq!([&two[0].digest, &two[1].digest], [&digests[1], &digests[2]]);
    let of_body = read_all(r#"{"object": "event", "id": "evt_1"}"#, Identity::Content);
    assert_eq!(of_body[0].digest, digests_of_id("evt_1")[0]);
    assert_eq!(digests.len(), MAX_EVENTS + 1);
}
