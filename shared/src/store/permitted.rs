//! Whether the table may be changed, asked by requests that change nothing.

use super::keys::operation_key;
use super::{Error, Item, Store, unless_condition_failed};
use crate::clock::Timestamp;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

/// No item fulfils it.
const NEVER: &str = "attribute_exists(pk) AND attribute_not_exists(pk)";

impl Store {
    /// Whether items may be put.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn may_put(&self) -> Result<bool, Error> {
        let request = self.client.put_item().table_name(&self.table).set_item(Some(no_item()));
        is_allowed(request.condition_expression(NEVER).send().await)
    }

    /// Whether items may be updated.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn may_update(&self) -> Result<bool, Error> {
        let request = self.client.update_item().table_name(&self.table).set_key(Some(no_item()));
        is_allowed(request.condition_expression(NEVER).send().await)
    }

    /// Whether items may be deleted.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn may_delete(&self) -> Result<bool, Error> {
        let request = self.client.delete_item().table_name(&self.table).set_key(Some(no_item()));
        is_allowed(request.condition_expression(NEVER).send().await)
    }
}

/// A key that no item has: operations are later than 1970.
fn no_item() -> Item {
    operation_key(Timestamp::from_millis(0), "")
}

fn is_allowed<T, E: ProvideErrorMetadata>(response: Result<T, SdkError<E>>) -> Result<bool, Error> {
    match unless_condition_failed(response) {
        Ok(_) => Ok(true),
        Err(Error::Refused { code: Some(code) }) if code.as_str().contains("AccessDenied") => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aws;
    use serde_json::json;

    #[tokio::test]
    async fn whether_the_table_may_be_changed_is_asked_without_a_change() {
        let may = async |code: &'static str| {
            let config = aws::stub::config_with_responses(move |request| {
                assert_eq!(request["ConditionExpression"], NEVER);
                (400, json!({ "__type": code }))
            });
            let store = Store::new(aws::dynamodb(&config), "t".to_owned());
            [store.may_put().await, store.may_update().await, store.may_delete().await]
        };
        assert_eq!(may("ConditionalCheckFailedException").await, [Ok(true), Ok(true), Ok(true)]);
        assert_eq!(may("AccessDeniedException").await, [Ok(false), Ok(false), Ok(false)]);
        assert!(may("ValidationException").await.iter().all(Result::is_err));
    }
}
