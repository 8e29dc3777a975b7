//! What the site shows of its own on every page, from its configuration.

use actix_web::http::StatusCode;
use hubgate::config::Config;

use crate::support::{Character, TestHub};

const LOGO: &str = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";

async fn hub(dir: &std::path::Path) -> TestHub {
    let logo = dir.join("logo.svg");
    std::fs::write(&logo, LOGO).unwrap();
    TestHub::with(Character::Obedient, |config: &mut Config| {
        config.logo_file = logo;
        config.site_title = "Physik <1>".to_owned();
        config.accent_color = "#7a1f1f".to_owned();
        config.footer_text = "Run by <us>".to_owned();
        config.login_text = "First line.\n\nSecond <line>.".to_owned();
    })
    .await
}

#[actix_web::test]
async fn the_login_page_has_the_sites_name_logo_colour_and_texts_as_text() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(dir.path()).await;
    let page = test.get("/jupyterhub/hub/login", "").await.body;
    for part in [
        "Physik &#60;1&#62;",
        "src=\"/jupyterhub/hub/logo\"",
        "href=\"/jupyterhub/hub/accent/7a1f1f-.css\"",
        "Run by &#60;us&#62;",
        "First line.",
        "Second &#60;line&#62;.",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[actix_web::test]
async fn a_logo_comes_with_its_type_and_a_policy_that_runs_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(dir.path()).await;
    let logo = test.get("/jupyterhub/hub/logo", "").await;
    assert_eq!(
        (logo.status, logo.header("content-type"), logo.body.as_str()),
        (StatusCode::OK, "image/svg+xml", LOGO)
    );
    assert_eq!(logo.header("x-content-type-options"), "nosniff");
    assert_eq!(logo.header("content-security-policy"), "default-src 'none'; sandbox");
    std::fs::write(dir.path().join("logo.svg"), "<html>").unwrap();
    assert_eq!(test.get("/jupyterhub/hub/logo", "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(TestHub::new().await.get("/jupyterhub/hub/logo", "").await.status, StatusCode::NOT_FOUND);
}

#[actix_web::test]
async fn the_colour_is_a_sheet_of_its_own_that_browsers_keep() {
    let dir = tempfile::tempdir().unwrap();
    let test = hub(dir.path()).await;
    let sheet = test.get("/jupyterhub/hub/accent/7a1f1f-.css", "").await;
    assert_eq!((sheet.status, sheet.header("content-type")), (StatusCode::OK, "text/css; charset=utf-8"));
    assert!(sheet.header("cache-control").contains("immutable") && sheet.body.contains("--main: #7a1f1f;"));
    for other in ["ffffff-.css", "-.css", "..%2fx"] {
        let path = format!("/jupyterhub/hub/accent/{other}");
        assert_eq!(test.get(&path, "").await.status, StatusCode::NOT_FOUND, "{other}");
    }
}
