import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { testnet } from '../../../../chain/index.ts'
import { peerIdFromNetworkKey } from '../../../../node/network/peer-id.ts'
import { AUTO_HOST, createNodeFolder, readFolderConfig } from '../../../../node/storage/home/folder.ts'
import { temporaryFolder } from '../../../support/temporary.ts'

describe("a node's folder", () => {
  let temporary: Awaited<ReturnType<typeof temporaryFolder>>
  beforeEach(async () => {
    temporary = await temporaryFolder()
  })
  afterEach(() => temporary.remove())

  it('is made with the addresses of this machine, or with those by which others reach it', async () => {
    const cases = [
      [undefined, '/ip4/127.0.0.1', '127.0.0.1', '/ip4/127.0.0.1', '127.0.0.1'],
      ['node.example.org', '/ip4/0.0.0.0', '0.0.0.0', '/dns/node.example.org', 'node.example.org'],
      ['192.0.2.7', '/ip4/0.0.0.0', '0.0.0.0', '/ip4/192.0.2.7', '192.0.2.7'],
      ['2001:db8::7', '/ip6/::', '[::]', '/ip6/2001:db8::7', '[2001:db8::7]'],
    ] as const
    for (const [i, [host, bind, bindHttp, announced, http]] of cases.entries()) {
      const dir = join(temporary.path, String(i))
      const networkFile = { path: join(temporary.path, 'network.json') }
      const { folder } = await createNodeFolder({
        dir,
        name: 'a "node"',
        network: testnet,
        networkFile,
        host,
        port: 7,
      })
      const config = await readFolderConfig(folder)
      assert.deepEqual([config.name, config.networkFile], ['a "node"', '../network.json'])
      assert.deepEqual(
        [config.listen, config.http],
        [[`${bind}/tcp/7`, `${bind}/tcp/10/ws`, `${bind}/udp/7/webrtc-direct`], `${bindHttp}:8`],
      )
      assert.deepEqual(
        [config.announce, config.publicHttp],
        [[`${announced}/tcp/7`, `${announced}/tcp/10/ws`, `${announced}/udp/7/webrtc-direct`], `${http}:8`],
      )
      assert.equal(config.metrics, '127.0.0.1:9')
    }
  })

  it('announces nothing of a node that is to find out how it is reached, so that a router is asked for its port', async () => {
    const { folder, keys } = await createNodeFolder({
      dir: join(temporary.path, 'home'),
      name: 'home',
      network: testnet,
      networkFile: { name: 'testnet' },
      host: AUTO_HOST,
      port: 7,
    })
    const { listen, announce, http, publicHttp, reach } = await readFolderConfig(folder)
    assert.deepEqual(
      [listen, announce, reach],
      [['/ip4/0.0.0.0/tcp/7', '/ip4/0.0.0.0/tcp/10/ws', '/ip4/0.0.0.0/udp/7/webrtc-direct'], [], 'auto'],
    )
    assert.deepEqual([http, publicHttp], ['0.0.0.0:8', undefined])
    const peer = peerIdFromNetworkKey(keys.networkPublicKey)
    assert.match(await readFile(folder.config, 'utf8'), new RegExp(`// "publicHttp": ".+/peers/${peer}",`))
  })
})
