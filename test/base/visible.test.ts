import assert from 'node:assert/strict'
import { actsOnTerminal, visible, visibleJson, visibleLines } from '../../base/visible.ts'

describe("strangers' text", () => {
  it('shows what would act, and leaves the rest as it is', () => {
    assert.equal(visible('Åse 🧊 \u001b[2J'), 'Åse 🧊 \\x1b[2J')
    assert.equal(visible('a\r\nb\tc\u009b\u007f'), 'a\\x0d\\nb\\x09c\\x9b\\x7f')
    assert.equal(visibleLines('one\ntwo\r'), 'one\ntwo\\x0d')
  })

  it('lets nothing turn the direction of writing, or end a line by other means', () => {
    for (const char of '\u061c\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff') {
      assert.equal(visible(`evil${char}`), `evil\\u{${char.charCodeAt(0).toString(16)}}`)
    }
    // emoji are joined by it
    assert.equal(visible('👩\u200d🚀'), '👩\u200d🚀')
  })

  it('keeps the value of JSON', () => {
    const value = { name: 'a\u001b\n\u009b\u202e\u2028"\\' }
    const json = visibleJson(JSON.stringify(value))
    assert.deepEqual(JSON.parse(json), value)
    assert.match(json, /^[\x20-\x7e]*$/)
  })

  it('tells text from what a terminal would obey', () => {
    const acts = (text: string | Uint8Array) => actsOnTerminal(Buffer.from(text as string))
    assert.equal(acts('Text, mit Umlauten äöü,\tTabs\r\nund 🧊 ¢\n'), false)
    for (const text of ['\0', '\u001b[31m', '\u009b31m', '\u007f', '\b', `${'x'.repeat(10_000)}\u001b]0;`]) {
      assert.equal(acts(text), true, JSON.stringify(text))
    }
  })
})
