import { table } from '../../base/table.ts';
import { contentsOf } from '../spec/contents.ts';
import { planImage } from '../spec/plan.ts';
import { defaultProfile, profiles } from '../spec/profiles.ts';

/** The profiles, as text or JSON. */
export function listProfiles(output: 'table' | 'json'): string {
	if (output === 'json') {
		return JSON.stringify(
			profiles.map((profile) => {
				const { name, debian, kubernetes, remark } = profile;
				return { name, debian, kubernetes, remark, contents: contentsOf(planImage(profile)) };
			}),
			null,
			2,
		);
	}
	return table(
		['PROFILE', 'DEBIAN', 'KUBERNETES', ''],
		profiles.map(({ name, debian, kubernetes, remark }) => [
			name,
			String(debian),
			kubernetes,
			name === defaultProfile ? `${remark} (default)` : remark,
		]),
	);
}
