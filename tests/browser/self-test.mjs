// The check must fail where a page is bad: one page for each mistake, and a good one that passes.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const STYLE = 'body{margin:1rem;background:#fff;color:#111;font:16px sans-serif}.scroll{overflow-x:auto}.scroll:focus{outline:2px solid}@media print{.scroll{overflow:visible}}';
const policy = (style) => `default-src 'none'; style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`;
const page = ({ head = '', body = '', style = STYLE, csp = policy(style), heading = '<h1>Report</h1>', lang = ' lang="en"' } = {}) =>
  `<!doctype html><html${lang}><head><meta charset="utf-8">${csp && `<meta http-equiv="Content-Security-Policy" content="${csp}">`}<meta name="viewport" content="width=device-width, initial-scale=1"><title>Report</title>${head}<style>${style}</style></head><body><header>${heading}</header><main>${body}<p>Text.</p></main></body></html>`;
const bare = { csp: "default-src 'none'; script-src 'unsafe-inline'; img-src *; style-src 'unsafe-inline'" };

// Each with a part of the message that must be there.
const pages = {
  good: [null, page({ style: `${STYLE}svg{min-width:48rem}@media print{svg{min-width:0}}`, body: '<div class="scroll" tabindex="0" role="region" aria-label="Chart"><svg viewBox="0 0 960 40" role="img" aria-labelledby="t"><title id="t">A chart</title><text x="9" y="20">word</text></svg></div>' })],
  script: ['a script ran', page({ ...bare, body: '<script>document.title += "!"</script>' })],
  'script-held': ['console error', page({ body: '<script>1</script>' })],
  alert: ['a dialog opened', page({ ...bare, body: '<script>alert(1)</script>' })],
  handler: ['no handler in an attribute', page({ body: '<p onmouseover="alert(1)">x</p>' })],
  'handler-held': ['a dialog opened', page({ body: '<svg onload="alert(1)" role="img" aria-label="x"></svg>' })],
  image: ['a request was made', page({ body: '<img alt="x" src="http://host.invalid/x.png">' })],
  link: ['no address in an attribute', page({ body: '<a href="https://host.invalid/">somewhere</a>' })],
  'script-link': ['no address in an attribute', page({ body: '<a href="javascript:alert(1)">somewhere</a>' })],
  import: ['no address in a style', page({ style: `@import "http://host.invalid/x.css";${STYLE}` })],
  style: ['no style in an attribute', page({ body: '<p style="color:red">x</p>' })],
  refresh: ['nothing that acts or fetches', page({ head: '<meta http-equiv="refresh" content="99;url=http://host.invalid/">' })],
  'no-policy': ['one content security policy', page({ csp: '' })],
  'loose-policy': ['the policy is strict', page({ csp: "default-src 'none'; style-src 'unsafe-inline'" })],
  'open-policy': ["the policy has default-src 'none'", page({ csp: policy(STYLE).replace("'none'", "'self'") })],
  'stale-policy': ['console error', page({ csp: policy(`${STYLE} `) })],
  'two-headings': ['exactly one h1', page({ body: '<h1>Another</h1>' })],
  order: ['axe heading-order', page({ body: '<h4>Deep</h4>' })],
  region: ['axe region', page({}).replace(/<\/?main>/g, '')],
  contrast: ['axe color-contrast', page({ style: `${STYLE}p{color:#bbb}` })],
  'contrast-in-the-dark': ['[360 px, dark;', page({ style: `${STYLE}@media (prefers-color-scheme:dark){p{color:#bbb}}` })],
  chart: ['axe svg-img-alt', page({ body: '<svg viewBox="0 0 960 40" role="img"><text x="9" y="20">word</text></svg>' })],
  'pale-chart': ['text of a chart is too pale', page({ style: `${STYLE}text{fill:#ccc}`, body: '<svg viewBox="0 0 960 40" role="img" aria-label="x"><text x="9" y="20">word</text></svg>' })],
  'labels-collide': ['texts of a chart collide', page({ body: '<svg viewBox="0 0 960 40" role="img" aria-label="x"><text x="9" y="20">word</text><text x="20" y="20">word</text></svg>' })],
  'label-leaves': ['text leaves its chart', page({ body: '<svg viewBox="0 0 960 40" role="img" aria-label="x"><text x="940" y="20">a long word</text></svg>' })],
  'small-chart': ['text of a chart is too small', page({ style: `${STYLE}svg{width:100%}`, body: '<svg viewBox="0 0 960 40" role="img" aria-label="x"><text x="9" y="20">word</text></svg>' })],
  'long-word': ['the page is wider than the window', page({ body: `<p>${'W'.repeat(3000)}</p>` })],
  wide: ['sticks out of the window', page({ style: `${STYLE}#wide{width:2000px;position:absolute;right:0}`, body: '<div id="wide">x</div>' })],
  'wide-on-paper': ['content is wider than the paper', page({ style: `${STYLE}#wide{width:2000px}`, body: '<div class="scroll" tabindex="0" role="region" aria-label="x"><div id="wide">x</div></div>' })],
  sliver: ['a word is broken over lines', page({ style: `${STYLE}td{overflow-wrap:anywhere;width:2em;display:block}`, body: '<table><tr><td>approved</td></tr></table>' })],
  details: ['details are not printed', page({ body: '<details><summary>More</summary><p>x</p></details>' })],
  swatch: ['a color is not printed', page({ style: `${STYLE}i{display:inline-block;width:9px;height:9px;background:#00f}`, body: '<p><i></i> mail</p>' })],
  direction: ['characters that cannot be seen', page({ body: '<p>a\u202eb</p>' })],
  twice: ['identifiers are there once', page({ body: '<p id="a">x</p><p id="a">x</p>' })],
  missing: ['what is referred to is there', page({ body: '<section aria-labelledby="none"><p>x</p></section>' })],
  shows: ['a text that must be shown is not', page({})],
};
// The policy must be bypassed for a held handler to run: it is that page that opens the dialog.

const folder = mkdtempSync(join(tmpdir(), 'browser-self-test-'));
const check = fileURLToPath(new URL('check.mjs', import.meta.url));
const run = (more) =>
  new Promise((done) => {
    execFile(process.execPath, [check, ...more], { maxBuffer: 1 << 26 }, (error, out, err) => done({ code: error ? error.code : 0, out: out + err }));
  });
let [passed, failed] = [0, 0];
try {
  const names = Object.keys(pages).filter((name) => name !== 'shows');
  for (const name of Object.keys(pages)) writeFileSync(join(folder, `${name}.html`), pages[name][1]);
  const all = await run(names.map((name) => join(folder, `${name}.html`)));
  const shows = await run(['--shows', 'absent', join(folder, 'shows.html')]);
  const good = await run(['--shows', 'Text.', join(folder, 'good.html')]);
  for (const [name, [wanted]] of Object.entries(pages)) {
    const lines = (name === 'shows' ? shows : all).out.split('\n');
    const file = join(folder, `${name}.html`);
    const own = [];
    let inside = false;
    for (const line of lines) {
      if (!line.startsWith(' ')) inside = line.startsWith(`${file}: `);
      if (inside) own.push(line);
    }
    const said = own.join('\n');
    const right = wanted === null ? said.includes(': passed in') && good.code === 0 : said.includes(wanted) && said.includes(': failed in');
    if (right) passed += 1;
    else {
      failed += 1;
      console.log(`${basename(file)}: expected ${wanted ?? 'nothing'}, but the check said\n${said || all.out.slice(-500)}`);
    }
  }
  if (all.code !== 1 || shows.code !== 1) {
    failed += 1;
    console.log(`bad pages ended with ${all.code} and ${shows.code}, expected 1`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
