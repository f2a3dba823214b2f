import { BcsType } from '@mysten/bcs'
import { ipFromBytes, ipToBytes } from '../base/ip.ts'

const IP_BYTES = [4, 16] as const

/** An IP address: which of the two kinds, and its bytes; in code as `ipFromBytes` has it, in dots or eight groups in hex. */
export const WireIp: BcsType<string, string> = new BcsType<string, string>({
  name: 'Ip',
  read(reader) {
    const length = IP_BYTES[reader.read8()]
    if (length === undefined) throw new RangeError('an address of neither kind')
    return ipFromBytes(reader.readBytes(length))
  },
  write(ip, writer) {
    const bytes = ipToBytes(ip)
    if (bytes === undefined) throw new RangeError(`no IP address: ${ip}`)
    writer.write8(bytes.length === 4 ? 0 : 1)
    writer.writeBytes(bytes)
  },
})
