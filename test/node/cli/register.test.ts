import assert from 'node:assert/strict'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testnet } from '../../../chain/index.ts'
import type { Candidate } from '../../../chain/types/index.ts'
import type { Context } from '../../../node/cli/context.ts'
import { register } from '../../../node/cli/node/set-up.ts'
import { AUTO_HOST, createNodeFolder } from '../../../node/storage/home/folder.ts'
import { temporaryFolder } from '../../support/temporary.ts'

describe('floe node register', () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    temporary = await temporaryFolder()
  })
  afterEach(() => temporary.remove())

  /** What the chain is told of the node of the folder. */
  async function registered(dir: string): Promise<Candidate> {
    let told: Candidate | undefined
    const operator = {
      capability: async () => undefined,
      register: async (candidate: Candidate) => {
        told = candidate
        return { nodeId: '0x1' }
      },
    }
    const coordinator = {
      operator: () => operator,
      system: async () => ({ nShards: 10 }),
      nodes: async () => [],
      stakes: async () => [],
      balances: async () => ({ sui: 1n, wal: 0n }),
      close: async () => {},
    }
    await register(
      {
        cwd: temporary.path,
        parts: { coordinate: async () => coordinator },
        output: { result: async () => {} },
        signal: new AbortController().signal,
      } as unknown as Context,
      { dir, capacity: '1TiB', commission: 0 },
    )
    return told!
  }
  const make = async (host: string): Promise<string> => {
    const dir = join(temporary.path, 'node')
    const networkFile = { name: 'testnet' }
    await createNodeFolder({ dir, name: 'node', network: testnet, networkFile, host, port: 7 })
    return dir
  }

  it('tells where the node is', async () => {
    const { multiaddrs, networkAddress } = await registered(await make('192.0.2.7'))
    const [tcp, webSocket, webRtc, ...others] = multiaddrs
    assert.deepEqual(
      [tcp, webSocket, networkAddress],
      ['/ip4/192.0.2.7/tcp/7', '/ip4/192.0.2.7/tcp/10/ws', '192.0.2.7:8'],
    )
    assert.match(String(webRtc), /^\/ip4\/192\.0\.2\.7\/udp\/7\/webrtc-direct\/certhash\/uEi[\w-]{44}$/)
    assert.deepEqual(others, [])
  })

  it('tells of one that finds out how it is reached no more than where its HTTP API is, which the config must say', async () => {
    const dir = await make(AUTO_HOST)
    await assert.rejects(registered(dir), (error: Error & { code?: string; hint?: string }) => {
      assert.equal(error.code, 'USAGE')
      assert.match(error.hint!, /"publicHttp"/)
      return true
    })
    const path = join(dir, 'config.json')
    const text = await readFile(path, 'utf8')
    await writeFile(path, text.replace('// "publicHttp"', '"publicHttp"'))
    const { multiaddrs, networkAddress } = await registered(dir)
    assert.deepEqual(multiaddrs, [])
    assert.match(networkAddress, /^relay\.example\.org:4080\/peers\/12D3KooW/)
  })
})
