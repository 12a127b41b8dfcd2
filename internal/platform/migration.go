package platform

import "net/http"

// migrations is the Durable Object part of an upload, in either of its forms: one
// step, or several.
type migrations struct {
	OldTag string          `json:"old_tag"`
	NewTag string          `json:"new_tag"`
	Tag    string          `json:"tag"`
	Steps  []migrationStep `json:"steps"`
	migrationStep
}

type migrationStep struct {
	NewClasses       []string       `json:"new_classes"`
	NewSQLiteClasses []string       `json:"new_sqlite_classes"`
	DeletedClasses   []string       `json:"deleted_classes"`
	RenamedClasses   []renamedClass `json:"renamed_classes"`
}

type renamedClass struct {
	From string `json:"from"`
	To   string `json:"to"`
}

// migrate applies migrations to the script's classes. The old tag must be the
// script's present one, so that no migration is applied twice or left out.
func (sc *script) migrate(m *migrations) *apiError {
	if m == nil {
		return nil
	}
	if m.OldTag != sc.Migration {
		return failure(http.StatusPreconditionFailed, 10079, "Error when applying migrations: expected tag %q, the script has %q", m.OldTag, sc.Migration)
	}
	if sc.Classes == nil {
		sc.Classes = map[string]bool{}
	}
	for _, step := range append([]migrationStep{m.migrationStep}, m.Steps...) {
		if apiErr := sc.step(step); apiErr != nil {
			return apiErr
		}
	}
	sc.Migration = m.NewTag
	if sc.Migration == "" {
		sc.Migration = m.Tag
	}
	return nil
}

func (sc *script) step(step migrationStep) *apiError {
	for sqlite, classes := range map[bool][]string{false: step.NewClasses, true: step.NewSQLiteClasses} {
		for _, class := range classes {
			if _, ok := sc.Classes[class]; ok {
				return failure(http.StatusBadRequest, 10074, "Cannot apply new-class migration to class %q that is already depended on by existing Durable Objects", class)
			}
			sc.Classes[class] = sqlite
		}
	}
	for _, class := range step.DeletedClasses {
		if _, ok := sc.Classes[class]; !ok {
			return failure(http.StatusBadRequest, 10075, "Cannot apply delete-class migration to unknown class %q", class)
		}
		delete(sc.Classes, class)
	}
	for _, r := range step.RenamedClasses {
		sqlite, ok := sc.Classes[r.From]
		if !ok {
			return failure(http.StatusBadRequest, 10076, "Cannot apply rename-class migration to unknown class %q", r.From)
		}
		delete(sc.Classes, r.From)
		sc.Classes[r.To] = sqlite
	}
	return nil
}
