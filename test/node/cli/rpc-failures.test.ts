import assert from 'node:assert/strict'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createCoordinator } from '../../../chain/index.ts'
import { commandLine } from '../../support/command-line.ts'
import { fakeParts } from '../../support/fake-parts.ts'
import { VirtualClock } from '../../support/virtual-clock.ts'
import { networkFolder } from './support.ts'

describe('command line: a Sui RPC that does not serve', function () {
  this.timeout(60_000)
  let cwd: string
  let remove: () => Promise<void>
  const servers: Server[] = []
  before(async () => {
    ;({ path: cwd, remove } = await networkFolder())
  })
  after(async () => {
    for (const server of servers) {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
    }
    await remove()
  })

  /** Begins `wallet balance` with such an RPC. */
  async function begin(listener: RequestListener) {
    const server = createServer(listener)
    servers.push(server)
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
    const clock = new VirtualClock()
    const coordinate = async (network: Parameters<typeof createCoordinator>[0]) =>
      createCoordinator({ ...network, suiRpc: [url] }, { clock, random: () => 0.5 })
    const asking = commandLine(cwd, ['wallet', 'balance', '--json'], { ...fakeParts(cwd), coordinate })
    const ended = asking.then(({ code, stderr }) => ({ code, error: JSON.parse(stderr).error }))
    return { clock, url, ended }
  }

  for (const [status, words, hint] of [
    [429, 'HTTP 429 Too Many Requests', /limits how often it is asked/],
    [502, 'HTTP 502 Bad Gateway', /has trouble: try again/],
  ] as const) {
    it(`is told by its status when it answers ${status}`, async () => {
      const { clock, url, ended } = await begin((_, response) => response.writeHead(status).end('no'))
      await clock.advanceUntil(ended, 250)
      const { code, error } = await ended
      assert.deepEqual([code, error.code, error.details.httpStatus], [3, 'CHAIN_UNAVAILABLE', status])
      assert.equal(error.message, `No Sui RPC serves: ${url} answers ${words}.`)
      assert.match(error.hint, hint)
    })
  }

  it('is given up after 15 s when it says nothing', async () => {
    const asked = Promise.withResolvers<void>()
    const { clock, ended } = await begin(() => asked.resolve())
    let isOver = false
    const over = ended.finally(() => {
      isOver = true
    })
    await asked.promise
    await clock.advance(14_500)
    assert.equal(isOver, false)
    await clock.advance(1_000)
    // no time passes any more
    const { code, error } = await over
    assert.deepEqual([code, error.code], [3, 'CHAIN_UNAVAILABLE'])
    assert.match(error.message, /^No Sui RPC answers \(http:/)
  })
})
