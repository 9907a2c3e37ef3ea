// What is looked at inside a page. Each function is handed to the browser as its text, so it uses nothing from outside.

/** What the page is made of: nothing that acts or fetches, one heading, a policy, and the texts that it must show. */
export function inspectContent(shows) {
  const found = [];
  const path = (element) => {
    const parts = [];
    for (let at = element; at && at.nodeType === 1 && parts.length < 4; at = at.parentElement) {
      if (at.id) {
        parts.unshift(`#${at.id}`);
        break;
      }
      parts.unshift(at.localName + [...at.classList].map((name) => `.${name}`).join(''));
    }
    return parts.join(' > ');
  };
  const fail = (rule, element, message) => found.push({ rule, selector: typeof element === 'string' ? element : path(element), message });

  const headings = document.querySelectorAll('h1').length;
  if (headings !== 1) fail('exactly one h1', 'h1', `there are ${headings}`);
  if (document.title.trim() === '') fail('a title', 'title', 'it is empty');
  if (!document.documentElement.lang) fail('a language', 'html', 'no lang');
  if (document.compatMode !== 'CSS1Compat') fail('standards mode', 'html', 'the doctype is missing');

  const policies = document.querySelectorAll('head > meta[http-equiv="Content-Security-Policy" i]');
  if (policies.length !== 1) fail('one content security policy', 'head', `there are ${policies.length}`);
  for (const meta of policies) {
    const directives = meta.content.split(';').map((directive) => directive.trim().toLowerCase());
    if (!directives.includes("default-src 'none'")) fail("the policy has default-src 'none'", meta, meta.content);
    for (const loose of ["'unsafe-inline'", "'unsafe-eval'", "'unsafe-hashes'", '*', 'data:', 'blob:', 'http:', 'https:']) {
      if (directives.some((directive) => directive.split(/\s+/).includes(loose))) fail('the policy is strict', meta, `${loose} in ${meta.content}`);
    }
    // One that comes after a style or a script does not bind it.
    for (const element of document.querySelectorAll('style, script, link, base')) {
      if (element.compareDocumentPosition(meta) & Node.DOCUMENT_POSITION_FOLLOWING) fail('the policy comes first', element, 'comes before the policy');
    }
  }

  const ACTIVE = 'script, iframe, frame, object, embed, applet, portal, base, link, form, input, button, textarea, select, img, picture, video, audio, source, track, template, noscript, foreignObject, use, image, animate, set, animateTransform, animateMotion, math, meta[http-equiv="refresh" i]';
  for (const element of document.querySelectorAll(ACTIVE)) fail('nothing that acts or fetches', element, element.outerHTML.slice(0, 200));
  for (const sheet of document.querySelectorAll('style')) {
    if (!document.head.contains(sheet)) fail('styles in the head only', sheet, sheet.textContent.slice(0, 100));
    for (const [address] of sheet.textContent.matchAll(/url\([^)]*\)|@import[^;]*/gi)) fail('no address in a style', sheet, address);
  }
  const ADDRESSES = ['src', 'srcset', 'href', 'xlink:href', 'action', 'formaction', 'poster', 'data', 'background', 'cite', 'ping', 'longdesc', 'manifest', 'srcdoc'];
  const ids = new Set();
  for (const element of document.querySelectorAll('*')) {
    for (const { name, value } of element.attributes) {
      if (/^on/i.test(name)) fail('no handler in an attribute', element, `${name}="${value.slice(0, 100)}"`);
      if (name === 'style') fail('no style in an attribute (the policy forbids it)', element, value.slice(0, 100));
      if (ADDRESSES.includes(name.toLowerCase()) && !value.startsWith('#')) fail('no address in an attribute', element, `${name}="${value.slice(0, 100)}"`);
      if (/url\(|javascript:/i.test(value) && !/^(aria-label|title|content|alt)$/i.test(name)) fail('no address in an attribute', element, `${name}="${value.slice(0, 100)}"`);
    }
    if (element.id) {
      if (ids.has(element.id)) fail('identifiers are there once', `#${element.id}`, 'there twice');
      ids.add(element.id);
    }
  }
  for (const element of document.querySelectorAll('[aria-labelledby], [aria-describedby], a[href^="#"]')) {
    const wanted = [element.getAttribute('aria-labelledby'), element.getAttribute('aria-describedby')].flatMap((list) => (list ? list.split(/\s+/) : []));
    if (element.localName === 'a') wanted.push(decodeURIComponent(element.getAttribute('href').slice(1)));
    for (const id of wanted) if (id !== '' && !ids.has(id)) fail('what is referred to is there', element, `#${id} is not`);
  }

  const text = document.body.textContent;
  for (const wanted of shows) if (!text.includes(wanted)) fail('a text that must be shown is not', 'body', wanted.slice(0, 200));
  return found;
}

/** How the page lies: nothing sticks out, nothing collides, nothing is too small, too narrow, too pale, or hidden from paper. */
export function inspectLayout(media) {
  const found = [];
  const path = (element) => {
    const parts = [];
    for (let at = element; at && at.nodeType === 1 && parts.length < 5; at = at.parentElement) {
      if (at.id) {
        parts.unshift(`#${CSS.escape(at.id)}`);
        break;
      }
      const like = at.parentElement ? [...at.parentElement.children].filter((other) => other.localName === at.localName) : [];
      const place = like.length > 1 ? `:nth-of-type(${like.indexOf(at) + 1})` : '';
      parts.unshift(at.localName + [...at.classList].map((name) => `.${name}`).join('') + place);
    }
    return parts.join(' > ');
  };
  const excerpt = (text) => JSON.stringify(text.trim().replace(/\s+/g, ' ').slice(0, 60));
  const fail = (rule, element, message) => found.push({ rule, selector: path(element), message });
  const print = media === 'print';
  const root = document.scrollingElement;
  const width = root.clientWidth;
  const px = (value) => `${Math.round(value)} px`;
  const scrolls = (element) => !print && element.closest('.scroll') !== null && !element.matches('.scroll');
  const shown = (element) => element.checkVisibility({ contentVisibilityAuto: true, visibilityProperty: true });

  if (root.scrollWidth > width) fail('the page is wider than the window', root, `${px(root.scrollWidth)} of ${px(width)}`);

  // Elements and lines of text that stick out. A parent of one that does is not said as well.
  const out = (box) => box.width > 0 && box.height > 0 && (box.right > width + 1 || box.left < -1);
  const rule = print ? 'content is wider than the paper' : 'sticks out of the window';
  for (const element of document.body.querySelectorAll('*')) {
    // A chart cuts off what leaves it; that is looked at below.
    if (scrolls(element) || element.parentElement.closest('svg') || !shown(element)) continue;
    const box = element.getBoundingClientRect();
    if (out(box) && ![...element.children].some((child) => out(child.getBoundingClientRect()))) fail(rule, element, `from ${px(box.left)} to ${px(box.right)} of ${px(width)}`);
    const clips = getComputedStyle(element);
    if (print && element.namespaceURI.endsWith('xhtml') && clips.overflowX !== 'visible' && element.scrollWidth > element.clientWidth + 1) fail('content is cut off on paper', element, `${px(element.scrollWidth)} in ${px(element.clientWidth)}`);
    // What is meant for those who listen is cut off on purpose.
    if (!print && /hidden|clip/.test(clips.overflowX) && clips.clipPath === 'none' && element.namespaceURI.endsWith('xhtml') && element.scrollWidth > element.clientWidth + 1) fail('content is cut off', element, `${px(element.scrollWidth)} in ${px(element.clientWidth)}`);
  }

  const luminance = (color) => {
    const [red, green, blue] = color.match(/[\d.]+/g).map((part) => part / 255).map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  };
  const paper = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (/^rgb\(/.test(color)) return color;
    }
    return 'rgb(255, 255, 255)';
  };

  // Lines of text: where they lie, how large they are, how many letters fit into one.
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const narrow = new Set();
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const own = node.parentElement;
    if (node.data.trim() === '' || own.closest('svg, style') || !shown(own)) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    const lines = [...range.getClientRects()];
    const size = parseFloat(getComputedStyle(own).fontSize);
    if (size < 10) fail('text is too small', own, `${size.toFixed(1)} px: ${excerpt(node.data)}`);
    if (!scrolls(own)) {
      const line = lines.find(out);
      if (line) fail(rule, own, `text to ${px(line.right)} of ${px(width)}: ${excerpt(node.data)}`);
    }
    // Words that are broken into slivers: a column in which a word of ordinary length does not fit.
    const cell = own.closest('td, th, dd, dt, li, p, caption, figcaption, summary, h1, h2, h3, h4');
    if (cell && !narrow.has(cell) && cell.getBoundingClientRect().width > 0) {
      // A code of digits and letters may break, and what hangs together with it; a word that stands by itself may not.
      for (const { 0: word, index: start } of node.data.matchAll(/(?<=^|[\s(])\p{Lu}?\p{Ll}{3,11}(?=$|[\s.,;:)!?])/gu)) {
        range.setStart(node, start);
        range.setEnd(node, start + word.length);
        const tops = new Set([...range.getClientRects()].filter((box) => box.width > 0).map((box) => Math.round(box.top)));
        if (tops.size > 1) {
          narrow.add(cell);
          fail('a word is broken over lines', cell, `${excerpt(word)} in ${px(cell.getBoundingClientRect().width)}`);
          break;
        }
      }
    }
  }

  // Charts.
  for (const svg of document.querySelectorAll('svg')) {
    if (!shown(svg)) continue;
    const frame = svg.getBoundingClientRect();
    const behind = paper(svg.parentElement);
    const texts = [...svg.querySelectorAll('text')].map((text) => ({ text, box: text.getBoundingClientRect() }));
    for (const { text, box } of texts) {
      if (box.left < frame.left - 1 || box.right > frame.right + 1 || box.top < frame.top - 1 || box.bottom > frame.bottom + 1) fail('text leaves its chart', text, excerpt(text.textContent));
      const size = parseFloat(getComputedStyle(text).fontSize) * text.getScreenCTM().a;
      if (size < (print ? 8 : 9)) fail('text of a chart is too small', text, `${size.toFixed(1)} px: ${excerpt(text.textContent)}`);
      const ratio = contrast(getComputedStyle(text).fill, behind);
      if (ratio < 4.5) fail('text of a chart is too pale', text, `${ratio.toFixed(2)}:1, 4.5:1 is needed`);
    }
    for (let one = 0; one < texts.length; one += 1) {
      for (let other = one + 1; other < texts.length; other += 1) {
        const [a, b] = [texts[one].box, texts[other].box];
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        // Boxes of letters have air above and below them.
        if (wide > 1 && high > Math.min(a.height, b.height) * 0.3) fail('texts of a chart collide', texts[other].text, `${excerpt(texts[one].text.textContent)} and ${excerpt(texts[other].text.textContent)}`);
      }
    }
    // Axes and bands stand behind what is shown; all else must be told from the background (WCAG 1.4.11).
    for (const shape of svg.querySelectorAll('path, circle, rect, line, polyline, polygon')) {
      if (shape.matches('.axis, .band') || shape.getAttribute('d') === '') continue;
      const { fill, stroke } = getComputedStyle(shape);
      const ratio = Math.max(...[fill, stroke].filter((color) => /^rgb\(/.test(color)).map((color) => contrast(color, behind)), 0);
      if (ratio < 3) fail('a shape of a chart is too pale', shape, `${ratio.toFixed(2)}:1, 3:1 is needed`);
    }
  }

  // Paper opens nothing, and scrolls nothing, and has no backgrounds but those that insist.
  if (print) {
    for (const element of document.body.querySelectorAll('*')) {
      if (!(element instanceof HTMLElement) || element.textContent.trim() !== '' || !shown(element)) continue;
      const { backgroundColor, printColorAdjust } = getComputedStyle(element);
      if (/^rgb\(/.test(backgroundColor) && printColorAdjust !== 'exact') fail('a color is not printed', element, 'a background without text needs print-color-adjust: exact');
    }
    for (const details of document.querySelectorAll('details')) {
      const content = [...details.children].find((child) => child.localName !== 'summary');
      if (content && !content.checkVisibility({ contentVisibilityAuto: true })) fail('details are not printed', details, excerpt(details.querySelector('summary')?.textContent ?? ''));
    }
  }
  return found;
}
