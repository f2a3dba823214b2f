/** A gateway in a process of its own. Says its port in one line; ends when its standard input does. */
import { createGateway } from '../../../node/gateway/index.ts'
import { createFakeClient } from '../../support/fake-client.ts'
import { NETWORK } from './support.ts'

const gateway = createGateway({ client: createFakeClient(), network: NETWORK, port: 0 })
await gateway.start()
process.stdout.write(`${new URL(gateway.url).port}\n`)
process.stdin.resume().once('end', () => gateway.stop())
