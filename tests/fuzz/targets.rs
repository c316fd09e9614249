//! Runs each target with its corpus and with bolero's inputs.

#[test]
fn webhook_body() {
    bolero::check!().for_each(crate::webhook_body);
}

#[test]
fn inbound_body() {
    bolero::check!().for_each(crate::inbound_body);
}

#[test]
fn signature() {
    bolero::check!().for_each(crate::signature);
}

#[test]
fn webhook_path() {
    bolero::check!().for_each(crate::webhook_path);
}

#[test]
fn message() {
    bolero::check!().for_each(crate::message);
}

#[test]
fn difference() {
    bolero::check!().for_each(crate::difference);
}

#[test]
fn response() {
    bolero::check!()
        .with_type::<(u16, bool, Vec<u8>)>()
        .for_each(|(status, is_mutation, body)| crate::response(*status, *is_mutation, body));
}
