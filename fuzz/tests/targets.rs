//! Each target: its corpus, and then what bolero thinks of.

#[test]
fn webhook_body() {
    bolero::check!().for_each(fuzz::webhook_body);
}

#[test]
fn webhook_path() {
    bolero::check!().for_each(fuzz::webhook_path);
}

#[test]
fn message() {
    bolero::check!().for_each(fuzz::message);
}

#[test]
fn difference() {
    bolero::check!().for_each(fuzz::difference);
}
