import assert from 'node:assert/strict'
import { execFileSync, fork } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { eventually } from '../protocols/support/eventually.ts'
import { firstLabOf, whyNoLab } from './support/lab.ts'

const spaces = (): string[] =>
  execFileSync('ip', ['netns', 'list'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n')

/** Whether a process of the machine has these words in its command. */
function isAbout(words: string): boolean {
  return readdirSync('/proc').some(pid => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(words)
    } catch {
      return false // it has ended
    }
  })
}

describe('the laboratory', function () {
  this.timeout(240_000)
  before(function () {
    const reason = whyNoLab()
    if (reason !== undefined) console.log(`      skipped: ${reason}`)
    if (reason !== undefined) this.skip()
  })

  for (const signal of ['SIGKILL', 'SIGINT'] as const) {
    it(`leaves nothing behind when its test ends by ${signal}`, async () => {
      const child = fork(new URL('./support/mortal-lab.ts', import.meta.url))
      const [{ name }] = (await once(child, 'message')) as [{ name: string }]
      const left = () => spaces().filter(space => space.startsWith(name))
      assert.ok(left().length > 5)
      child.kill(signal)
      await once(child, 'exit')
      await eventually(
        () => left().length === 0,
        () => left().join(', '),
        60_000,
      )
    })
  }

  it('leaves nothing behind when its test is killed while it is being built', async () => {
    const child = fork(new URL('./support/mortal-lab.ts', import.meta.url))
    const name = firstLabOf(child.pid!)
    const left = () => spaces().filter(space => space.startsWith(name))
    await eventually(
      () => left().length > 0,
      () => 'nothing is built',
      60_000,
    )
    child.kill('SIGKILL')
    await once(child, 'exit')
    // whoever builds goes on; the guardian comes again
    await eventually(
      () => !isAbout(name),
      () => 'the guardian is still there',
      120_000,
    )
    assert.deepEqual(left(), [])
  })
})
