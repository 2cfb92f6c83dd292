//! What must hold for every line of the table of errors.

use std::collections::HashSet;

use super::*;

#[test]
fn the_table_and_the_codes_stand_in_the_same_order_and_no_name_comes_twice() {
    let mut names = HashSet::new();
    for (index, entry) in ERROR_TABLE.iter().enumerate() {
        assert_eq!(entry.code as usize, index, "{}", entry.name);
        assert_eq!(entry.code.entry().name, entry.name);
        assert!(names.insert(entry.name), "{} stands twice", entry.name);
    }
}

#[test]
fn every_line_of_the_table_can_be_published() {
    for entry in ERROR_TABLE {
        let ErrorEntry { name, number, .. } = entry;
        assert!(
            entry.when.ends_with('.') && entry.remedy.ends_with('.'),
            "{name}"
        );
        let expected_status = match entry.family {
            ErrorFamily::Business => 200..=200,
            ErrorFamily::Page | ErrorFamily::Gateway | ErrorFamily::Own => 400..=504,
        };
        assert!(expected_status.contains(&entry.http_status), "{name}");
        if entry.family == ErrorFamily::Gateway {
            assert!(number.is_some(), "{name}: gateway codes have a number");
        }
        if entry.family == ErrorFamily::Business {
            assert_eq!(*number, None, "{name}: business codes have none");
        }
        let not_answered = entry.when.starts_with("Not answered");
        assert_eq!(not_answered, entry.reserved, "{name}");
    }
}

#[test]
fn the_page_of_the_main_action_decides_statuses_and_texts() {
    let line = |code: ErrorCode| (code.entry().http_status, code.entry().text);
    assert_eq!(
        line(ErrorCode::MissingParameter),
        (400, "The required parameter %s is missing.")
    );
    assert_eq!(
        line(ErrorCode::InvalidAction),
        (400, "The specified action is invalid.")
    );
    assert_eq!(
        line(ErrorCode::InternalError),
        (500, "The request has failed due to an unknown error.")
    );
    assert_eq!(line(ErrorCode::ServiceUnavailable).0, 503);
    assert_eq!(line(ErrorCode::InvalidTimestamp).0, 400);
}

#[test]
fn messages_name_the_parameter_and_say_why() {
    assert_eq!(
        ApiError::missing_parameter("PhoneNoA").message(),
        "The required parameter PhoneNoA is missing."
    );
    assert_eq!(
        ApiError::invalid_parameter("RandomFlag", "must be 0 or 1").message(),
        "The specified parameter RandomFlag is invalid. RandomFlag must be 0 or 1."
    );
    assert_eq!(
        ApiError::quota_exceeded("The number of pools").message(),
        "The number of pools has exceeded the quota."
    );
    assert_eq!(
        ApiError::access_denied("ImportNumbers").message(),
        "User is not authorized to perform: ImportNumbers on resource: *."
    );
    assert_eq!(
        ApiError::new(ErrorCode::MissingParameter).message(),
        "The required parameter * is missing."
    );
}

#[test]
fn a_percent_s_in_the_clients_own_words_is_not_filled_in_again() {
    let error = ApiError::invalid_access_key("%s%s").with_argument("second");
    assert_eq!(
        error.message(),
        "The accesskey [%s%s] included in the request is invalid."
    );
}

#[test]
fn only_business_refusals_change_their_status_by_setting() {
    let business = ApiError::business(ErrorCode::NumberNotEnough, "all 3 numbers are in use");
    assert_eq!(business.http_status(200), 200);
    assert_eq!(business.http_status(400), 400);
    assert_eq!(
        business.message(),
        "There are not enough numbers. All 3 numbers are in use."
    );
    let gateway = ApiError::from(AuthError::MissingSignature);
    assert_eq!(gateway.http_status(200), 401);
}

#[test]
fn what_the_log_knows_is_never_said_to_the_client() {
    let error = ApiError::internal("disk sda1 is gone");
    assert_eq!(error.log(), Some("disk sda1 is gone"));
    assert!(!error.to_string().contains("sda1"));
}

#[test]
fn each_failed_authentication_has_its_code_and_text() {
    let said = |error: AuthError| ApiError::from(error).to_string();
    assert_eq!(
        said(AuthError::MissingTimestamp),
        "MissingRequestInfo: The request is missing timestamp information. \
         Send the time of signing as X-Date, in UTC, like 20250603T112142Z."
    );
    let service = "iam".to_owned();
    assert_eq!(
        said(AuthError::ServiceNotFound { service }),
        "ServiceNotFound: This service[iam] not found. Sign for the service vms."
    );
}
