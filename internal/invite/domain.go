package invite

import "slices"

// EnrollmentMode is what having an address of a domain brings a user.
type EnrollmentMode string

// The modes of contract §4.8, less enterprise_sso, which this server has not.
const (
	ManualInvitation    EnrollmentMode = "manual_invitation"
	AutomaticInvitation EnrollmentMode = "automatic_invitation"
	AutomaticSuggestion EnrollmentMode = "automatic_suggestion"
)

var enrollmentModes = []EnrollmentMode{ManualInvitation, AutomaticInvitation, AutomaticSuggestion}

// ParseEnrollmentMode reads a mode given as param.
func ParseEnrollmentMode(param, raw string) (EnrollmentMode, *Error) {
	if mode := EnrollmentMode(raw); slices.Contains(enrollmentModes, mode) {
		return mode, nil
	}
	return "", ParamErr(ParamValue, param, raw)
}
