import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { createCloseStack } from '../../../base/close-stack.ts'
import { silentLog } from '../../../base/log.ts'
import { choosePorts } from '../../../node/devnet/ports.ts'
import { findWebPort, type RelayPorts } from '../../../node/relay/web-port.ts'

const HOST = '127.0.0.1'

describe('the port at which a relay takes WebSockets', () => {
  const held = createCloseStack(silentLog())
  let free: number
  let taken: number
  let warned: object[]
  /** A port of which the one before is free as well. */
  const choose = async (): Promise<number> => {
    for (;;) {
      const [first, second] = await choosePorts(HOST, [undefined, undefined], held)
      if (second === first! + 1) return second
    }
  }
  before(async () => {
    free = await choose()
    taken = await choose()
    const server = createServer().listen(taken, HOST)
    held.push(() => once(server.close(), 'close'))
    await once(server, 'listening')
  })
  after(() => held.closeAll())
  beforeEach(() => {
    warned = []
  })
  const find = (ports: Omit<RelayPorts, 'httpPort'>, httpPort = 0) =>
    findWebPort([HOST], { ...ports, httpPort }, { warn: fields => void warned.push(fields) })

  it('is the one that was chosen, or none', async () => {
    assert.equal(await find({ port: 0, webPort: free }), free)
    // who listens says that it is taken
    assert.equal(await find({ port: 0, webPort: taken }), taken)
    assert.equal(await find({ port: 0, webPort: 0 }), 0)
    assert.equal(await find({ port: 0 }), undefined)
    assert.deepEqual(warned, [])
  })

  it('is the one after libp2p’s, or any where libp2p takes any', async () => {
    assert.equal(await find({ port: free - 1, webPort: 'next' }), free)
    assert.equal(await find({ port: 0, webPort: 'next' }), 0)
    assert.deepEqual(warned, [])
  })

  it('is none, which is told, where somebody else has the next', async () => {
    assert.equal(await find({ port: taken - 1, webPort: 'next' }), undefined)
    assert.equal(await find({ port: free - 1, webPort: 'next' }, free), undefined)
    assert.equal(await find({ port: 65_535, webPort: 'next' }), undefined)
    assert.deepEqual(warned, [{ port: taken }, { port: free }, { port: 65_536 }])
  })
})
