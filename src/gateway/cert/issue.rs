//! Making the two certificates (RFC 5280; what a server's must have: CA/Browser Forum Baseline Requirements 7.1.2.7).

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name};

use super::{CertError, Name, Pair, Plan};

/// Version 3 is written as 2.
const VERSION_3: i32 = 2;
/// Certificates begin this long ago, for clients whose clocks are behind: one hour.
const BACKDATE_S: i64 = 3600;
const DAY_S: i64 = 86_400;
/// Longest common name (`ub-common-name`).
const COMMON_NAME_MAX: usize = 64;

/// A key on P-256.
pub(super) fn new_key() -> Result<PKey<Private>, ErrorStack> {
    let mut group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
    group.set_asn1_flag(Asn1Flag::NAMED_CURVE);
    PKey::from_ec_key(EcKey::generate(&group)?)
}

/// A CA that signs servers and no further CA. Its name is its own, so that browsers keep two of them apart.
pub(super) fn authority(plan: &Plan) -> Result<Pair, CertError> {
    let key = new_key()?;
    let serial = serial()?;
    let tag: String = serial.to_bn()?.to_hex_str()?.chars().take(8).collect();
    let subject = subject(&format!("hubgate CA {tag}"))?;
    let mut builder = builder(&subject, &key, &serial)?;
    builder.set_issuer_name(&subject)?;
    validity(&mut builder, plan.now_s, end_s(plan.now_s, plan.ca_days))?;
    builder.append_extension(BasicConstraints::new().critical().ca().pathlen(0).build()?)?;
    builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
    let id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
    builder.append_extension(id)?;
    builder.sign(&key, MessageDigest::sha256())?;
    Ok(Pair { certificate: builder.build(), key })
}

/// A certificate for a server; it never outlives its CA.
pub(super) fn server(plan: &Plan, ca: &Pair, key: PKey<Private>) -> Result<Pair, CertError> {
    let common = plan.names.iter().map(ToString::to_string).find(|name| name.len() <= COMMON_NAME_MAX);
    let subject = subject(common.as_deref().unwrap_or("hubgate server"))?;
    let mut builder = builder(&subject, &key, &serial()?)?;
    builder.set_issuer_name(ca.certificate.subject_name())?;
    let end = end_s(plan.now_s, plan.days);
    if *Asn1Time::from_unix(plan.now_s)? > *ca.certificate.not_after() {
        return Err(CertError::Plan(
            "the CA has expired: make a new one with `hubgate cert` in another directory",
        ));
    }
    validity(&mut builder, plan.now_s, end)?;
    if *Asn1Time::from_unix(end)? > *ca.certificate.not_after() {
        builder.set_not_after(ca.certificate.not_after())?;
    }
    builder.append_extension(BasicConstraints::new().critical().build()?)?;
    builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
    builder.append_extension(ExtendedKeyUsage::new().server_auth().build()?)?;
    extend(&mut builder, plan, &ca.certificate)?;
    builder.sign(&ca.key, MessageDigest::sha256())?;
    Ok(Pair { certificate: builder.build(), key })
}

fn extend(builder: &mut X509Builder, plan: &Plan, ca: &X509) -> Result<(), ErrorStack> {
    let mut names = SubjectAlternativeName::new();
    for name in &plan.names {
        match name {
            Name::Dns(dns) => names.dns(dns),
            Name::Ip(address) => names.ip(&address.to_string()),
        };
    }
    let context = builder.x509v3_context(Some(ca), None);
    let names = names.build(&context)?;
    let id = SubjectKeyIdentifier::new().build(&context)?;
    let issuer = AuthorityKeyIdentifier::new().keyid(true).build(&context)?;
    builder.append_extension(names)?;
    builder.append_extension(id)?;
    builder.append_extension(issuer)
}

fn builder(subject: &X509Name, key: &PKey<Private>, serial: &Asn1Integer) -> Result<X509Builder, ErrorStack> {
    let mut builder = X509::builder()?;
    builder.set_version(VERSION_3)?;
    builder.set_serial_number(serial)?;
    builder.set_subject_name(subject)?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

fn subject(common: &str) -> Result<X509Name, ErrorStack> {
    let mut name = X509Name::builder()?;
    name.append_entry_by_nid(Nid::ORGANIZATIONNAME, "hubgate")?;
    name.append_entry_by_nid(Nid::COMMONNAME, common)?;
    Ok(name.build())
}

/// 127 random bits: positive, and never the same twice.
fn serial() -> Result<Asn1Integer, ErrorStack> {
    let mut number = BigNum::new()?;
    number.rand(127, MsbOption::ONE, false)?;
    number.to_asn1_integer()
}

/// The whole life, backdating included, is `days`.
fn end_s(now_s: i64, days: u32) -> i64 {
    now_s.saturating_add(i64::from(days) * DAY_S - BACKDATE_S)
}

fn validity(builder: &mut X509Builder, now_s: i64, end_s: i64) -> Result<(), ErrorStack> {
    let begin = Asn1Time::from_unix(now_s.saturating_sub(BACKDATE_S))?;
    let end = Asn1Time::from_unix(end_s)?;
    builder.set_not_before(&begin)?;
    builder.set_not_after(&end)
}
