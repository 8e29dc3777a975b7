//! `hubgate openapi`: the description of the API on paper.

use crate::support::Instance;

#[test]
fn the_description_of_the_api_names_the_address_below_which_it_is() {
    let instance = Instance::new();
    let text = instance.run(&["openapi"]).done();
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert!(document["servers"][0]["url"].as_str().unwrap().ends_with("/hub/api"));
    assert!(document["paths"]["/oauth2/token"]["post"].is_object());
}
