import assert from 'node:assert/strict'
import { createLog } from '../../base/pino-log.ts'

describe('log', () => {
  const logged = (json: boolean, run: (log: ReturnType<typeof createLog>) => void) => {
    const lines: string[] = []
    run(createLog({ level: 'debug', json, write: line => lines.push(line) }))
    return lines
  }

  it('writes one JSON object per line with the fields of its scope', () => {
    const [line] = logged(true, log => log.child({ node: 'node-3' }).warn({ peer: 'p', blobId: 'b' }, 'text'))
    const { time, ...rest } = JSON.parse(line!)
    assert.deepEqual(rest, { level: 'warn', node: 'node-3', peer: 'p', blobId: 'b', msg: 'text' })
    assert.ok(Number.isFinite(Date.parse(time)))
  })

  it('writes one line for people', () => {
    const cause = new Error('disk full')
    const [line] = logged(false, log =>
      log.error(
        { node: 'node-3', blobId: 'b', err: Object.assign(new Error('no', { cause }), { code: 'X' }) },
        'text',
      ),
    )
    assert.match(line!, /^\d\d:\d\d:\d\d\.\d{3} ERROR node-3 text blobId=b error=no <- .*disk full/)
  })

  it('never writes secrets', () => {
    const key = `suiprivkey1${'q'.repeat(59)}`
    const lines = [true, false].flatMap(json =>
      logged(json, log => {
        log.info(
          { blsSecret: 'hush', keys: { seed: 'hush' }, a: { b: { privateKey: 'hush' } } },
          `loaded ${key}`,
        )
        log.error({ err: new Error(`bad key ${key}`) }, 'text')
      }),
    )
    assert.equal(lines.length, 4)
    for (const line of lines) assert.ok(!/hush|suiprivkey1q/.test(line), line)
  })

  it('shows what a stranger wrote on one line, and nothing of it acts on a terminal', () => {
    const lines: string[] = []
    const log = createLog({ write: line => lines.push(line) })
    log.warn({ name: 'a\n00:00:00 ERROR forged \u001b[2J', err: new Error('\u009b31m') }, 'peer')
    assert.equal(lines.length, 1)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not be there
    assert.doesNotMatch(lines[0]!, /[\0-\x09\x0b-\x1f\x7f-\x9f]|\n00:/)
    assert.match(lines[0]!, /name=a\\n00:00:00 ERROR forged \\x1b\[2J/)
  })
})
