//! The two halves of a login at a provider: the address that people leave for, and the code that they bring back.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use openidconnect::core::{
    CoreAuthDisplay, CoreAuthPrompt, CoreClientAuthMethod, CoreErrorResponseType, CoreGenderClaim,
    CoreJsonWebKey, CoreJweContentEncryptionAlgorithm, CoreJwsSigningAlgorithm as Algorithm,
    CoreResponseType, CoreRevocableToken, CoreRevocationErrorResponse, CoreTokenIntrospectionResponse,
    CoreTokenType,
};
use openidconnect::{
    AccessTokenHash, AdditionalClaims, AuthType, AuthenticationFlow, AuthorizationCode,
    ClaimsVerificationError as Wrong, Client, ClientId, ClientSecret, CsrfToken, EmptyExtraTokenFields,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IdToken, IdTokenClaims, IdTokenFields, IdTokenVerifier,
    Nonce, OAuth2TokenResponse, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope,
    SignatureVerificationError, StandardErrorResponse, StandardTokenResponse, TokenResponse, UserInfoClaims,
    UserInfoError,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::Provider;
use super::discovery::Known;
use super::fault::Fault;
use super::http::{HttpError, send};
use crate::domain::request_log::shown;

/// Longest subject that the standard allows, bytes.
const SUBJECT_MAX: usize = 255;
/// Longest token that is kept for the log-out there, bytes.
const HINT_MAX: usize = 8192;
/// What a provider's keys may sign with: nothing that is made with our own secret, and not nothing.
const ALGORITHMS: [Algorithm; 9] = [
    Algorithm::RsaSsaPkcs1V15Sha256,
    Algorithm::RsaSsaPkcs1V15Sha384,
    Algorithm::RsaSsaPkcs1V15Sha512,
    Algorithm::RsaSsaPssSha256,
    Algorithm::RsaSsaPssSha384,
    Algorithm::RsaSsaPssSha512,
    Algorithm::EcdsaP256Sha256,
    Algorithm::EcdsaP384Sha384,
    Algorithm::EdDsa,
];

/// Claims that the standard does not name.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Others(Map<String, Value>);

impl AdditionalClaims for Others {}

type Fields = IdTokenFields<
    Others,
    EmptyExtraTokenFields,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    Algorithm,
>;
type Tokens = StandardTokenResponse<Fields, CoreTokenType>;
type Token = IdToken<Others, CoreGenderClaim, CoreJweContentEncryptionAlgorithm, Algorithm>;
type Refusal = StandardErrorResponse<CoreErrorResponseType>;
type Party = Client<
    Others,
    CoreAuthDisplay,
    CoreGenderClaim,
    CoreJweContentEncryptionAlgorithm,
    CoreJsonWebKey,
    CoreAuthPrompt,
    Refusal,
    Tokens,
    CoreTokenIntrospectionResponse,
    CoreRevocableToken,
    CoreRevocationErrorResponse,
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// What a login was begun with.
#[derive(Debug, Clone)]
pub struct Asked {
    /// OAuth's `state`; of it in the address, otherwise of no use here.
    pub state: String,
    /// What the token must say.
    pub nonce: String,
    /// PKCE's verifier.
    pub verifier: String,
    /// The code that came back; empty when somebody leaves.
    pub code: String,
    /// Since when the person must have proved who they are; `None` for whenever.
    pub since_s: Option<i64>,
}

/// What the provider has proved.
#[derive(Debug)]
pub struct Proof {
    /// Its name for the person.
    pub subject: String,
    /// All that it says of them.
    pub claims: Map<String, Value>,
    /// Its own token, for the log-out there; `None` for one that is too long to keep.
    pub id_token: Option<String>,
}

impl Provider {
    fn party(&self, known: &Known) -> Result<Party, Fault> {
        let secret = self.secret.as_ref().map(|secret| ClientSecret::new(secret.expose().to_owned()));
        let redirect = RedirectUrl::new(self.redirect.clone());
        let redirect = redirect.map_err(|error| Fault::Client(format!("public_url: {error}")))?;
        let methods = known.metadata.token_endpoint_auth_methods_supported();
        let basic = methods
            .is_none_or(|all| all.is_empty() || all.contains(&CoreClientAuthMethod::ClientSecretBasic));
        let auth = if basic { AuthType::BasicAuth } else { AuthType::RequestBody };
        let id = ClientId::new(self.spec.client_id.clone());
        let party = Client::from_provider_metadata(known.metadata.clone(), id, secret);
        Ok(party.set_redirect_uri(redirect).set_auth_type(auth))
    }

    /// The address of the provider's page where the login goes on.
    ///
    /// # Errors
    /// See [`Fault`].
    pub async fn leave(&self, asked: &Asked, now_s: i64) -> Result<Url, Fault> {
        let party = self.party(&*self.known(now_s).await?)?;
        let (state, nonce) = (asked.state.clone(), asked.nonce.clone());
        let verifier = PkceCodeVerifier::new(asked.verifier.clone());
        let mut request = party
            .authorize_url(
                AuthenticationFlow::<CoreResponseType>::AuthorizationCode,
                || CsrfToken::new(state),
                || Nonce::new(nonce),
            )
            .add_scopes(self.spec.scopes.iter().cloned().map(Scope::new))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier));
        if asked.since_s.is_some() {
            request = request.add_prompt(CoreAuthPrompt::Login).set_max_age(Duration::ZERO);
        }
        Ok(request.url().0)
    }

    /// Exchanges the code, checks the token, and asks for what it does not say.
    pub(super) async fn exchange(&self, asked: Asked, now_s: i64) -> Result<Proof, Fault> {
        let known = self.known(now_s).await?;
        let party = self.party(&known)?;
        let client = |request| send(self.tls.clone(), request);
        let tokens = party
            .exchange_code(AuthorizationCode::new(asked.code.clone()))
            .map_err(|error| Fault::Nonsense(error.to_string()))?
            .set_pkce_verifier(PkceCodeVerifier::new(asked.verifier.clone()))
            .request_async(&client)
            .await
            .map_err(code_fault)?;
        let claims = self.verified(&known, &tokens, &asked, now_s).await?;
        let subject = claims.subject().to_string();
        if subject.is_empty() || subject.len() > SUBJECT_MAX {
            return Err(Fault::Nonsense("its subject is empty or too long".to_owned()));
        }
        let mut all = object(&claims)?;
        if party.user_info_url().is_some() && !self.told_enough(&all) {
            let asked = party.user_info(tokens.access_token().clone(), Some(claims.subject().clone()));
            let asked = asked.map_err(|error| Fault::Nonsense(error.to_string()))?;
            let more: UserInfoClaims<Others, CoreGenderClaim> =
                asked.request_async(&client).await.map_err(userinfo_fault)?;
            for (name, value) in object(&more)? {
                all.entry(name).or_insert(value);
            }
        }
        let id_token = tokens.id_token().map(ToString::to_string).filter(|text| text.len() <= HINT_MAX);
        Ok(Proof { subject, claims: all, id_token })
    }

    /// Whether the token itself says all that we want to know.
    fn told_enough(&self, claims: &Map<String, Value>) -> bool {
        let top = |name: &str| {
            name.is_empty()
                || claims.contains_key(name)
                || name.split('.').next().is_some_and(|first| claims.contains_key(first))
        };
        top(&self.spec.username_claim) && top(&self.spec.groups_claim) && claims.contains_key("name")
    }

    /// The claims of a token whose signature, issuer, audience, times and nonce are right.
    async fn verified(
        &self,
        known: &Arc<Known>,
        tokens: &Tokens,
        asked: &Asked,
        now_s: i64,
    ) -> Result<IdTokenClaims<Others, CoreGenderClaim>, Fault> {
        let first = self.verify(known, tokens, asked, now_s);
        let Err(Fault::Signature(why)) = first else { return first };
        // Its keys may have changed since we asked for them.
        let newer = self.newer(known, now_s).await?;
        if Arc::ptr_eq(&newer, known) {
            return Err(Fault::Signature(why));
        }
        self.verify(&newer, tokens, asked, now_s)
    }

    fn verify(
        &self,
        known: &Known,
        tokens: &Tokens,
        asked: &Asked,
        now_s: i64,
    ) -> Result<IdTokenClaims<Others, CoreGenderClaim>, Fault> {
        let token = tokens.id_token().ok_or_else(|| Fault::Nonsense("it gave no id_token".to_owned()))?;
        let party = self.party(known)?;
        let skew_s = i64::from(self.spec.clock_skew_seconds);
        let latest_s = now_s.saturating_add(skew_s);
        let verifier = party
            .id_token_verifier()
            .set_allowed_algs(ALGORITHMS)
            .set_time_fn(move || time(now_s.saturating_sub(skew_s)))
            .set_issue_time_verifier_fn(move |at| {
                if at.timestamp() <= latest_s {
                    Ok(())
                } else {
                    Err(format!("issued at {at}, in the future"))
                }
            });
        let claims = token.claims(&verifier, &Nonce::new(asked.nonce.clone())).map_err(claims_fault)?;
        if let Some(party) = claims.authorized_party()
            && party.as_str() != self.spec.client_id
        {
            return Err(Fault::Audience("azp names another client".to_owned()));
        }
        let since_s = asked.since_s.map(|since_s| since_s.saturating_sub(skew_s));
        if since_s.is_some_and(|since_s| claims.auth_time().is_none_or(|at| at.timestamp() < since_s)) {
            return Err(Fault::NotAnew);
        }
        same_access_token(claims, token, tokens, &verifier)?;
        Ok(claims.clone())
    }
}

/// The access token is the one that the signed token was given with, where it says so.
fn same_access_token(
    claims: &IdTokenClaims<Others, CoreGenderClaim>,
    token: &Token,
    tokens: &Tokens,
    verifier: &IdTokenVerifier<'_, CoreJsonWebKey>,
) -> Result<(), Fault> {
    let Some(expected) = claims.access_token_hash() else { return Ok(()) };
    let signature = |error: SignatureVerificationError| Fault::Signature(error.to_string());
    let algorithm = token.signing_alg().map_err(signature)?;
    let key = token.signing_key(verifier).map_err(signature)?;
    let found = AccessTokenHash::from_token(tokens.access_token(), algorithm, key);
    let found = found.map_err(|error| Fault::Signature(error.to_string()))?;
    if found == *expected { Ok(()) } else { Err(Fault::Signature("at_hash differs".to_owned())) }
}

fn time(at_s: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(at_s, 0).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

fn object(claims: &impl Serialize) -> Result<Map<String, Value>, Fault> {
    match serde_json::to_value(claims) {
        Ok(Value::Object(all)) => Ok(all),
        _ => Err(Fault::Nonsense("its claims are no object".to_owned())),
    }
}

fn code_fault(error: RequestTokenError<HttpError, Refusal>) -> Fault {
    match error {
        RequestTokenError::ServerResponse(refusal) => match refusal.error() {
            CoreErrorResponseType::InvalidGrant => Fault::Code,
            CoreErrorResponseType::InvalidClient | CoreErrorResponseType::UnauthorizedClient => {
                Fault::Client(shown(&refusal.to_string()))
            }
            _ => Fault::Nonsense(format!("token: {}", shown(&refusal.to_string()))),
        },
        RequestTokenError::Request(error) => Fault::Unreachable(error.to_string()),
        RequestTokenError::Parse(error, _) => {
            Fault::Nonsense(format!("token: {}", shown(&error.to_string())))
        }
        RequestTokenError::Other(why) => Fault::Nonsense(format!("token: {}", shown(&why))),
    }
}

fn claims_fault(error: Wrong) -> Fault {
    let text = shown(&error.to_string());
    match error {
        Wrong::Expired(_) | Wrong::InvalidAuthTime(_) => Fault::Time(text),
        Wrong::InvalidAudience(_) => Fault::Audience(text),
        Wrong::InvalidIssuer(_) => Fault::WrongIssuer(text),
        Wrong::InvalidNonce(_) => Fault::Nonce,
        Wrong::SignatureVerification(why) => Fault::Signature(shown(&why.to_string())),
        _ => Fault::Nonsense(text),
    }
}

fn userinfo_fault(error: UserInfoError<HttpError>) -> Fault {
    match error {
        UserInfoError::ClaimsVerification(Wrong::InvalidSubject(_)) => Fault::OtherSubject,
        UserInfoError::ClaimsVerification(wrong) => claims_fault(wrong),
        UserInfoError::Request(error) => Fault::Unreachable(error.to_string()),
        UserInfoError::Response(status, ..) if status.is_server_error() => {
            Fault::Unreachable(format!("userinfo is answered with {status}"))
        }
        other => Fault::Nonsense(format!("userinfo: {}", shown(&other.to_string()))),
    }
}
