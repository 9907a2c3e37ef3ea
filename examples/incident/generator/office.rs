//! Ordinary work of administrators and users: whatever fires on this fires on everything.

use super::address::version_6;
use super::alert;
use super::audit::{PORTAL, POWERSHELL, Record, Session};
use super::clock::{MINUTE, SECOND, iso_zulu};
use super::entra::{Change, sign_in};
use super::organization::{Organization, Person, minutes};
use super::rng::Rng;
use super::rule::{self, TransportRule};

/// A month of ordinary work.
pub struct Office {
    /// Its records.
    pub records: Vec<Record>,
    /// Transport rules that an administrator added.
    pub rules: Vec<TransportRule>,
}

/// A month of ordinary work of this organization. `strange` are addresses of the internet, from where a password is
/// guessed in vain now and then.
pub fn month(organization: &Organization, strange: &[String], rng: &mut Rng) -> Office {
    let mut office = Office {
        records: Vec::new(),
        rules: Vec::new(),
    };
    for (index, admin) in organization.admins.iter().enumerate() {
        let mut days = vec![(0, 6), (4, 10), (7, 14)];
        let more = rng.between(2, if index == 0 { 9 } else { 4 });
        days.extend((0..more).map(|_| (14, organization.days - 1)));
        for days in days {
            office.session(organization, admin, days, rng);
        }
    }
    office.users(organization, strange, rng);
    if rng.chance(0.5) {
        office.helpdesk(organization, rng);
    }
    office
}

impl Office {
    /// An administrator signs in and does one to three harmless things.
    fn session(
        &mut self,
        organization: &Organization,
        admin: &Person,
        days: (i64, i64),
        rng: &mut Rng,
    ) {
        let mut at = organization.working_moment(rng, days);
        let home = rng.chance(0.15);
        let address = &admin.usual[usize::from(home)];
        if rng.chance(0.12) {
            self.records.push(sign_in(
                organization,
                at - 40 * SECOND,
                admin,
                address,
                false,
                rng,
            ));
        }
        self.records
            .push(sign_in(organization, at, admin, address, true, rng));
        let session = if rng.chance(0.4) {
            // The portal's actions come from Microsoft's own addresses.
            Session::of(admin, &version_6(rng), PORTAL, rng)
        } else {
            Session::of(admin, address, POWERSHELL, rng)
        };
        for _ in 0..rng.between(1, 3) {
            at += minutes(rng, 1, 9);
            self.work(organization, &session, admin, at, rng);
        }
    }

    fn work(
        &mut self,
        organization: &Organization,
        session: &Session,
        admin: &Person,
        at: i64,
        rng: &mut Rng,
    ) {
        let person = rng.pick(&organization.people);
        let other = rng.pick(&organization.people);
        let mailbox = organization.path(person.upn.split('@').next().unwrap_or("alice"));
        let identity = ("Identity", person.upn.clone());
        let (cmdlet, target, parameters) = match rng.below(7) {
            0 => (
                "Set-Mailbox",
                mailbox,
                vec![identity, ("HiddenFromAddressListsEnabled", "True".into())],
            ),
            1 => (
                "Set-Mailbox",
                mailbox,
                vec![
                    identity,
                    ("ProhibitSendQuota", "99 GB (106,300,440,576 bytes)".into()),
                ],
            ),
            2 => (
                "Add-MailboxPermission",
                mailbox,
                vec![
                    identity,
                    ("User", other.upn.clone()),
                    ("AccessRights", "FullAccess".into()),
                ],
            ),
            3 => (
                "Add-DistributionGroupMember",
                organization.path("All Staff"),
                vec![
                    ("Identity", "All Staff".into()),
                    ("Member", person.upn.clone()),
                ],
            ),
            4 => (
                "Set-CASMailbox",
                mailbox,
                vec![identity, ("ImapEnabled", "False".into())],
            ),
            5 => (
                "New-DistributionGroup",
                String::new(),
                vec![
                    ("Name", format!("Project {}", rng.between(10, 99))),
                    ("Type", "Distribution".into()),
                ],
            ),
            _ if self.rules.len() < 2 => {
                return self.add_rule(organization, session, admin, at, rng);
            }
            _ => (
                "Set-MailboxAutoReplyConfiguration",
                mailbox,
                vec![identity, ("AutoReplyState", "Disabled".into())],
            ),
        };
        let record = session.run(organization, at, cmdlet, &target, &parameters, rng);
        self.records.push(record);
    }

    fn add_rule(
        &mut self,
        organization: &Organization,
        session: &Session,
        admin: &Person,
        at: i64,
        rng: &mut Rng,
    ) {
        let rule = rule::harmless(&admin.upn, at, rng);
        let record = session.run(
            organization,
            at,
            "New-TransportRule",
            "",
            &rule.parameters(),
            rng,
        );
        self.records.push(record);
        self.rules.push(rule);
    }

    /// Users sign in, mistype, and sort their mail.
    fn users(&mut self, organization: &Organization, strange: &[String], rng: &mut Rng) {
        for _ in 0..rng.between(25, 70) {
            let person = rng.pick(&organization.people);
            let at = organization.moment(rng, (0, organization.days - 1), (7, 20));
            let address = rng.pick(&person.usual).clone();
            if rng.chance(0.1) {
                self.records.push(sign_in(
                    organization,
                    at - 20 * SECOND,
                    person,
                    &address,
                    false,
                    rng,
                ));
            }
            self.records
                .push(sign_in(organization, at, person, &address, true, rng));
        }
        for _ in 0..rng.between(3, 12) {
            let person = rng.pick(&organization.people);
            let at = organization.moment(rng, (0, organization.days - 1), (0, 23));
            self.records.push(sign_in(
                organization,
                at,
                person,
                rng.pick_text(strange),
                false,
                rng,
            ));
        }
        for _ in 0..rng.between(1, 2) {
            self.inbox_rule(organization, rng);
        }
    }

    fn inbox_rule(&mut self, organization: &Organization, rng: &mut Rng) {
        let person = rng.pick(&organization.people);
        let at = organization.working_moment(rng, (0, organization.days - 1));
        let mut session = Session::of(person, &person.usual[0], POWERSHELL, rng);
        session.user_type = 0;
        let mut parameters = vec![("AlwaysDeleteOutlookRulesBlob", "False".to_string())];
        let forwards = rng.chance(0.3);
        if forwards {
            parameters.push(("ForwardTo", rng.pick(&organization.people).upn.clone()));
        } else {
            parameters.push(("MoveToFolder", "Newsletters".into()));
        }
        parameters.push(("Name", "Sort the mail".into()));
        let mailbox = organization.path(person.upn.split('@').next().unwrap_or("alice"));
        let target = format!("{mailbox}\\Sort the mail");
        let record = session.run(organization, at, "New-InboxRule", &target, &parameters, rng);
        self.records.push(record);
        if forwards {
            let raised = alert::raise(
                organization,
                at + 4 * MINUTE,
                &alert::MAIL_REDIRECT,
                &person.upn,
                rng,
            );
            self.records.extend(raised);
        }
    }

    /// The help desk gives somebody a new password.
    fn helpdesk(&mut self, organization: &Organization, rng: &mut Rng) {
        let at = organization.working_moment(rng, (0, organization.days - 1));
        let admin = rng.pick(&organization.admins);
        let person = rng.pick(&organization.people);
        let change = Change {
            organization,
            person: admin,
            address: &admin.usual[0],
        };
        let target = (person.upn.as_str(), person.upn.as_str());
        self.records
            .push(change.record(at, "Reset user password.", target, &[], rng));
        let time = iso_zulu(at);
        let modified = [("StsRefreshTokensValidFrom", time.as_str())];
        let operation = "Update StsRefreshTokenValidFrom Timestamp.";
        self.records
            .push(change.record(at, operation, target, &modified, rng));
    }
}
