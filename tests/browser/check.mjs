// Holds HTML reports in a real browser: see README.md.
import { mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { chromium } from 'playwright-core';
import { inspectContent, inspectLayout } from './inspect.mjs';

const USAGE = 'usage: node check.mjs [--screenshots DIR] [--shows TEXT]... [--shows-file FILE]... PAGE.html...';
const { values: options, positionals: files } = (() => {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        screenshots: { type: 'string' },
        shows: { type: 'string', multiple: true, default: [] },
        'shows-file': { type: 'string', multiple: true, default: [] },
      },
    });
  } catch (error) {
    console.error(`${error.message}\n${USAGE}`);
    process.exit(2);
  }
})();
if (files.length === 0) {
  console.error(USAGE);
  process.exit(2);
}
const shows = options.shows.concat(...options['shows-file'].map((file) => readFileSync(file, 'utf8').split('\n'))).filter((text) => text !== '');

const FLAGS = [
  '--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--disable-dev-shm-usage',
  // Nothing leaves, whatever a page tries: a request is seen, and goes nowhere.
  '--host-resolver-rules=MAP * ~NOTFOUND', '--proxy-server=127.0.0.1:9',
];
const SCHEMES = ['light', 'dark'];
const HEIGHT = 900;
// A4 at 96 dots to the inch, and what is left of it between the margins of 1 cm that browsers print with.
const A4 = 794;
const LAYOUTS = [
  { media: 'screen', width: 360, axe: true, picture: '360' },
  { media: 'screen', width: 1280, axe: true, picture: '1280' },
  { media: 'print', width: A4, axe: true, picture: 'print' },
  { media: 'print', width: A4 - 76, axe: false, picture: undefined },
];
const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
// Chromium paints no picture that is higher.
const PICTURE = 16_000;

/** Failures of one file, each said once with all variants in which it is. */
class Failures {
  #rules = new Map();
  add(variant, rule, selector, message = '') {
    const found = this.#rules.get(rule) ?? this.#rules.set(rule, new Map()).get(rule);
    const one = found.get(selector) ?? found.set(selector, { message, variants: new Set() }).get(selector);
    one.variants.add(variant);
  }
  get none() {
    return this.#rules.size === 0;
  }
  print(file) {
    const MOST = 6;
    for (const [rule, found] of this.#rules) {
      console.log(`${file}: ${rule}`);
      for (const [selector, { message, variants }] of [...found].slice(0, MOST)) {
        console.log(`    ${selector}  [${[...variants].join('; ')}]${message && `\n        ${message.replaceAll('\n', '\n        ')}`}`);
      }
      if (found.size > MOST) console.log(`    and ${found.size - MOST} more`);
    }
  }
}

/** Opens the file, and says what it did by itself: nothing that it may do is seen here. */
async function open(browser, file, settings, variant, failures) {
  const context = await browser.newContext(settings);
  const page = await context.newPage();
  const address = pathToFileURL(resolve(file)).href;
  const cdp = await context.newCDPSession(page);
  const scripts = [];
  let navigations = 0;
  // Those of this program run in a world of their own.
  cdp.on('Debugger.scriptParsed', ({ url, length, executionContextAuxData }) => {
    if (executionContextAuxData?.isDefault !== false) scripts.push(`${url || 'no address'}, ${length} characters`);
  });
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) failures.add(variant, `console ${message.type()}`, 'page', message.text().slice(0, 300));
  });
  page.on('pageerror', (error) => failures.add(variant, 'error of a script', 'page', String(error)));
  page.on('crash', () => failures.add(variant, 'the page crashed', 'page'));
  page.on('dialog', async (dialog) => {
    failures.add(variant, 'a dialog opened', 'page', `${dialog.type()}: ${dialog.message()}`);
    await dialog.dismiss().catch(() => {});
  });
  page.on('request', (request) => {
    if (request.url() !== address) failures.add(variant, 'a request was made', 'page', request.url().slice(0, 300));
  });
  page.on('popup', () => failures.add(variant, 'a window opened', 'page'));
  page.on('framenavigated', (frame) => {
    navigations += 1;
    if (frame !== page.mainFrame() || navigations > 1) failures.add(variant, 'a frame, or a second navigation', 'page', frame.url().slice(0, 300));
  });
  await cdp.send('Debugger.enable');
  await page.goto(address, { waitUntil: 'load', timeout: 60_000 });
  // Whatever starts by itself has started by then: what the mouse and the keyboard start is tried as well.
  await page.mouse.move(settings.viewport.width / 2, 60);
  await page.mouse.move(settings.viewport.width / 3, 300, { steps: 4 });
  for (let times = 0; times < 5; times += 1) await page.keyboard.press('Tab');
  await page.waitForTimeout(150);
  await cdp.send('Debugger.disable');
  for (const script of scripts) failures.add(variant, 'a script ran', 'page', script.slice(0, 300));
  // The page's own policy does not bind this: the debugger evaluates.
  const evaluate = async (expression) => {
    const { result, exceptionDetails } = await cdp.send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true });
    if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? exceptionDetails.text);
    return result.value;
  };
  return { context, page, evaluate };
}

/** What the bytes of the file must not hold, whatever a browser makes of them. */
function bytes(file, failures) {
  const text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(file));
  // eslint-disable-next-line no-control-regex
  const hidden = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/gu;
  const seen = new Set([...text.matchAll(hidden)].map(([c]) => `U+${c.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')}`));
  if (seen.size > 0) failures.add('bytes', 'characters that cannot be seen', 'file', [...seen].join(', '));
}

async function check(browser, file, failures) {
  try {
    bytes(file, failures);
  } catch (error) {
    failures.add('bytes', 'the file cannot be read as UTF-8', 'file', String(error));
    return;
  }
  // Without its policy: what is inert only because of the policy is a hole that waits.
  const bare = { viewport: { width: 1280, height: HEIGHT }, bypassCSP: true };
  const unprotected = await open(browser, file, bare, 'policy bypassed', failures);
  for (const { rule, selector, message } of await unprotected.evaluate(`(${inspectContent})(${JSON.stringify(shows)})`)) failures.add('content', rule, selector, message);
  await unprotected.context.close();

  const look = async (scheme) => {
    const settings = { viewport: { width: LAYOUTS[0].width, height: HEIGHT }, colorScheme: scheme };
    const { context, page, evaluate } = await open(browser, file, settings, scheme, failures);
    try {
      // Only now, so that what the page says of itself is of the page alone.
      page.removeAllListeners('console');
      await evaluate(`document.activeElement?.blur();${AXE};undefined`);
      for (const { media, width, axe, picture } of LAYOUTS) {
        const name = `${media === 'print' ? 'print ' : ''}${width} px, ${scheme}`;
        await page.setViewportSize({ width, height: HEIGHT });
        await page.emulateMedia({ media, colorScheme: scheme });
        await evaluate('scrollTo(0, 0)');
        for (const { rule, selector, message } of await evaluate(`(${inspectLayout})(${JSON.stringify(media)})`)) failures.add(name, rule, selector, message);
        if (axe) {
          const run = { runOnly: { type: 'tag', values: RULES }, resultTypes: ['violations'], preload: false };
          const said = 'violations.map(({ id, help, impact, nodes }) => ({ id, help, impact, nodes: nodes.map(({ target, failureSummary }) => ({ target: target.flat().join(" "), why: failureSummary })) }))';
          for (const { id, help, impact, nodes } of await evaluate(`axe.run(document, ${JSON.stringify(run)}).then(({ violations }) => ${said})`)) {
            for (const { target, why } of nodes) failures.add(name, `axe ${id} (${impact}): ${help}`, target.slice(0, 200), why);
          }
        }
        if (options.screenshots && picture) {
          const height = Math.ceil(await evaluate('document.documentElement.scrollHeight'));
          const path = join(options.screenshots, `${basename(file, '.html')}-${scheme}-${picture}.png`);
          // One that is higher is cut there. A picture that cannot be taken is no fault of the page.
          const cut = height > PICTURE && { clip: { x: 0, y: 0, width, height: PICTURE } };
          await page.screenshot({ path, fullPage: true, timeout: 120_000, ...cut }).catch((error) => console.log(`${path}: no picture: ${error.message.split('\n')[0]}`));
          // As it comes out of the printer, in pages.
          if (media === 'print' && scheme === 'light') {
            const pdf = path.replace(/\.png$/, '.pdf');
            await page.pdf({ path: pdf, format: 'A4', preferCSSPageSize: true, margin: { top: '1cm', bottom: '1cm', left: '1cm', right: '1cm' } }).catch((error) => console.log(`${pdf}: no file: ${error.message.split('\n')[0]}`));
          }
        }
      }
    } finally {
      await context.close();
    }
  };
  await Promise.all(SCHEMES.map(look));
}

if (options.screenshots) mkdirSync(options.screenshots, { recursive: true });
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || '/usr/bin/chromium', args: FLAGS, chromiumSandbox: false });
let [passed, failed] = [0, 0];
try {
  for (const file of files) {
    const failures = new Failures();
    const began = Date.now();
    try {
      await check(browser, file, failures);
    } catch (error) {
      failures.add('run', 'the page could not be checked', 'file', error.stack ?? String(error));
    }
    failures.print(file);
    console.log(`${file}: ${failures.none ? 'passed' : 'failed'} in ${((Date.now() - began) / 1000).toFixed(1)} s`);
    if (failures.none) passed += 1;
    else failed += 1;
  }
} finally {
  await browser.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
