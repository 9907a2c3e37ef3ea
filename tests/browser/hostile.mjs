// Writes evidence whose every text is an attack on whoever shows it: names and comments of connectors, people and
// parameters of audit records, senders and subjects of mail. Always the same bytes.
//
//     node hostile.mjs FOLDER [CONNECTORS]
//
// What a page made of it must show, as `check.mjs --shows` takes it, is printed, one text a line.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = process.argv[2];
const count = Number(process.argv[3] ?? 200);
if (!folder || !Number.isInteger(count) || count < 1) {
  console.error('usage: node hostile.mjs FOLDER [CONNECTORS]');
  process.exit(2);
}

const long = 'W'.repeat(3000);
// Each with how a page shows it: what cannot be seen is shown by its number.
const attacks = [
  ['<script>alert(1)</script>', '<script>alert(1)</script>'],
  ['"><img src=x onerror=alert(1)>', '"><img src=x onerror=alert(1)>'],
  ["' onmouseover='alert(1)' autofocus onfocus='alert(1)", "' onmouseover='alert(1)' autofocus onfocus='alert(1)"],
  ['javascript:alert(1)', 'javascript:alert(1)'],
  ['invoice\u202egnp.exe', 'invoice\\u{202e}gnp.exe'],
  ['nul\u0000bell\u0007escape\u001b[31mred\u009b0m', 'nul\\u{0}bell\\u{7}escape\\u{1b}[31mred\\u{9b}0m'],
  ['{{7*7}}{% raw %}${7*7}<%= 7*7 %>', '{{7*7}}{% raw %}${7*7}<%= 7*7 %>'],
  ['</title></style></desc></svg><svg onload=alert(1)>', '</title></style></desc></svg><svg onload=alert(1)>'],
  ['--><!--<![CDATA[<iframe srcdoc="<script>alert(1)</script>">]]>', '--><!--<![CDATA[<iframe srcdoc="<script>alert(1)</script>">]]>'],
  ['&lt;b&gt;&#60;script&#62;&amp;', '&lt;b&gt;&#60;script&#62;&amp;'],
  ['</pre></table></main><meta http-equiv=refresh content="0;url=https://attacker.example/">', '</pre></table></main><meta http-equiv=refresh'],
  ['<style>*{display:none}</style><link rel=stylesheet href=//attacker.example/x.css>', '<style>*{display:none}</style>'],
  ['zero\u200bwidth\ufeff\u2066isolate\u00adsoft', 'zero\\u{200b}width\\u{feff}\\u{2066}isolate\\u{ad}soft'],
  ['line\r\nbreak\ttab\u2028separator', 'line\\r\\nbreak\\ttab\\u{2028}separator'],
  [long, 'W'.repeat(100)],
  ['Z\u0351\u0343\u0365\u036b\u0348\u0316'.repeat(40), null],
  ['邮件网关'.repeat(200), null],
  ['البريد الوارد من الشريك', null],
];

const start = Date.UTC(2026, 2, 1);
const hour = 3_600_000;
const at = (hours) => new Date(start + hours * hour);
const stamp = (hours) => at(hours).toISOString().replace('.000Z', 'Z');
// The same identifiers every time.
const uuid = (kind, number) => `${kind.toString(16).padStart(8, '0')}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;

const organization = { tenant_id: uuid(1, 1), domain: 'contoso.onmicrosoft.com' };
const complete = { inbound_connectors: true, accepted_domains: true, blocked_connectors: true, transport_rules: true, audit_log_settings: true };
const attack = (index) => attacks[index % attacks.length][0];
const named = (index) => `${attack(index)}${index < attacks.length ? '' : ` ${index}`}`;
const connector = (index, changes) => ({
  Enabled: true,
  ConnectorType: index % 3 === 0 ? 'Partner' : 'OnPremises',
  ConnectorSource: 'AdminUI',
  Comment: attack(index + 1),
  SenderIPAddresses: [`192.0.2.${index % 250}`],
  SenderDomains: ['smtp:*;1'],
  TrustedOrganizations: [],
  ClientHostNames: [],
  AssociatedAcceptedDomains: [],
  RequireTls: index % 2 === 0,
  RestrictDomainsToIPAddresses: false,
  RestrictDomainsToCertificate: false,
  CloudServicesMailEnabled: false,
  TreatMessagesAsInternal: false,
  TlsSenderCertificateName: null,
  EFTestMode: false,
  ScanAndDropRecipients: [],
  EFSkipLastIP: false,
  EFSkipIPs: [],
  EFSkipMailGateway: [],
  EFUsers: [],
  Name: named(index),
  Identity: named(index),
  Id: named(index),
  ExchangeObjectId: uuid(2, index),
  Guid: uuid(2, index),
  WhenCreatedUTC: stamp(-5000),
  WhenChangedUTC: stamp(-4000),
  OriginatingServer: attack(index + 2),
  IsValid: true,
  ...changes,
});

// Before: all but the last ten. After: some loosened, the last ten new, the first one gone.
const fresh = (index) => index >= count - 10;
const loosened = (index) => !fresh(index) && index % 10 === 3;
const indexes = Array.from({ length: count }, (_, index) => index);
const state = (taken, list) => ({
  connguard: 'export/v1',
  taken_at: taken,
  organization,
  complete,
  inbound_connectors: list,
  accepted_domains: [{ Name: 'contoso.example', DomainName: 'contoso.example', DomainType: 'Authoritative', Default: true }],
  blocked_connectors: [],
  transport_rules: [{ Name: attack(0), State: 'Enabled', Priority: 0, Comments: attack(1), Guid: uuid(3, 1) }],
  audit_log_settings: [{ UnifiedAuditLogIngestionEnabled: true }],
});
const before = indexes.filter((index) => !fresh(index)).map((index) => connector(index));
const after = indexes
  .filter((index) => count < 20 || index !== 0)
  .map((index) => {
    if (fresh(index)) return connector(index, { WhenCreatedUTC: stamp(600 + (index % 10)), WhenChangedUTC: stamp(600 + (index % 10)) });
    if (loosened(index)) return connector(index, { SenderIPAddresses: ['0.0.0.0/1', `192.0.2.${index % 250}`], RequireTls: false, Comment: attack(index + 5), WhenChangedUTC: stamp(500 + (index % 24)) });
    return connector(index);
  });

let serial = 0;
const record = (hours, operation, user, parameters, more) => ({
  CreationTime: stamp(hours).replace('Z', ''),
  Id: uuid(4, (serial += 1)),
  Operation: operation,
  OrganizationId: organization.tenant_id,
  RecordType: 1,
  ResultStatus: 'True',
  UserKey: uuid(5, serial),
  UserType: 2,
  Version: 1,
  Workload: 'Exchange',
  ClientIP: '203.0.113.66:31610',
  ObjectId: attack(serial),
  UserId: user,
  AppId: attack(serial + 1),
  ClientAppId: '',
  ExternalAccess: false,
  OrganizationName: organization.domain,
  OriginatingServer: attack(serial + 2),
  Parameters: Object.entries(parameters).map(([Name, Value]) => ({ Name, Value })),
  SessionId: attack(serial + 3),
  ...more,
});
const people = attacks.map(([text]) => `${text}@contoso.example`);
const records = [];
for (const index of indexes) {
  const user = people[index % people.length];
  if (fresh(index)) {
    records.push(record(600 + (index % 10), 'New-InboundConnector', user, { Name: named(index), ConnectorType: 'OnPremises', SenderDomains: 'smtp:*;1', SenderIPAddresses: '203.0.113.55', Comment: attack(index + 3), RequireTls: 'False', Enabled: 'True', [attack(index)]: attack(index + 4) }));
  } else if (loosened(index)) {
    records.push(record(500 + (index % 24), 'Set-InboundConnector', user, { Identity: named(index), SenderIPAddresses: '0.0.0.0/1', RequireTls: 'False', Comment: attack(index + 5), [attack(index)]: attack(index + 4) }));
  }
  if (index % 4 === 0) records.push(record(400 + index, attack(index), user, { Identity: attack(index), Value: attack(index + 1) }));
}
// One that no state shows.
records.push(record(610, 'New-InboundConnector', people[0], { Name: '<b onclick=alert(1)>short-lived</b>', ConnectorType: 'OnPremises', SenderDomains: 'smtp:*;1', SenderIPAddresses: '203.0.113.55', Enabled: 'True' }));
records.push(record(612, 'Remove-InboundConnector', people[0], { Identity: '<b onclick=alert(1)>short-lived</b>' }));
records.sort((one, other) => one.CreationTime.localeCompare(other.CreationTime));

const columns = ['Timestamp', 'NetworkMessageId', 'InternetMessageId', 'SenderMailFromAddress', 'SenderFromAddress', 'SenderObjectId', 'SenderMailFromDomain', 'SenderFromDomain', 'SenderIPv4', 'SenderIPv6', 'RecipientEmailAddress', 'Subject', 'EmailDirection', 'DeliveryAction', 'DeliveryLocation', 'ThreatTypes', 'Connectors', 'OrgLevelAction', 'OrgLevelPolicy', 'AuthenticationDetails', 'EmailLanguage', 'ReportId'];
const quoted = (text) => `"${String(text).replaceAll('"', '""')}"`;
const rows = [];
let mail = 0;
const send = (hours, index, spam) => {
  mail += 1;
  const sender = spam ? attack(mail) : 'scanner@contoso.example';
  const row = [stamp(hours), uuid(6, mail), `<${attack(mail)}@contoso.example>`, sender, sender, '', 'contoso.example', 'contoso.example', spam ? '203.0.113.55' : '192.0.2.7', '', `${mail}@partner.example`, attack(mail + 1), 'Outbound', spam ? 'Junked' : 'Delivered', spam ? 'Junk folder' : 'Inbox/folder', spam ? 'Spam' : '', named(index), '', '', '{"SPF":"fail"}', 'en', `${uuid(6, mail)}-1`];
  rows.push(row.map(quoted).join(','));
};
for (let hours = 0; hours < 620; hours += 3) for (const index of indexes.slice(0, 12)) send(hours + (index % 3), index, false);
for (let number = 0; number < 800; number += 1) send(605 + number / 80, count - 1 - (number % 10), true);
rows.sort();

mkdirSync(folder, { recursive: true });
const write = (name, text) => writeFileSync(join(folder, name), text);
write('before.json', JSON.stringify(state(stamp(0), before), null, 1));
write('after.json', JSON.stringify(state(stamp(620), after), null, 1));
write('audit.json', `[\n${records.map((own) => JSON.stringify(own)).join(',\n')}\n]\n`);
// A name that is a text on the page as well.
write('<img src=x onerror=alert(1)>.csv', `${[columns.join(','), ...rows].join('\r\n')}\r\n`);
for (const [, shown] of attacks.slice(0, count)) if (shown !== null) console.log(shown);
