import assert from 'node:assert/strict'
import { systemClock } from '../../../base/clock.ts'
import { silentLog } from '../../../base/log.ts'
import type { Context, NodeOptions, Parts } from '../../../node/cli/context.ts'
import type { Task } from '../../../node/cli/declare.ts'
import { createProgram } from '../../../node/cli/program.ts'
import { floe } from './support.ts'

describe('floe node run', () => {
  /** What it has a node run with. */
  async function optionsOf(...args: string[]): Promise<NodeOptions> {
    let task: Task | undefined
    createProgram(one => {
      task = one
    }).parse(['node', 'run', ...args], { from: 'user' })
    let options: NodeOptions | undefined
    const started = new Error('started')
    const parts: Partial<Parts> = {
      createLog: async () => silentLog(),
      async runNode(given) {
        options = given
        throw started
      },
    }
    const { signal } = new AbortController()
    const context = { parts, cwd: '/', clock: systemClock, signal } as unknown as Context
    await assert.rejects(async () => await task!(context), started)
    return options!
  }

  it('leaves to the config what is not said', async () => {
    const { reach, relays, upnp } = await optionsOf()
    assert.deepEqual([reach, relays, upnp], [undefined, undefined, undefined])
  })

  it('takes its folder by an option or as an argument, not both', async () => {
    assert.equal((await optionsOf()).dir, '/.floe-node')
    assert.equal((await optionsOf('--dir', 'one')).dir, '/one')
    assert.equal((await optionsOf('one')).dir, '/one')
    const { code, stderr } = await floe('.', ['node', 'run', 'one', '--dir', 'other'])
    assert.equal(code, 2)
    assert.match(stderr, /given twice: other by --dir, and one/)
  })

  it('goes before the config', async () => {
    const relay = '/ip4/192.0.2.1/tcp/4001/p2p/12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp'
    const { reach, relays } = await optionsOf('--private', '--relay', relay)
    assert.deepEqual([reach, relays], ['private', [relay]])
    const { reach: other, upnp } = await optionsOf('--public', '--no-upnp')
    assert.deepEqual([other, upnp], ['public', false])
  })
})
